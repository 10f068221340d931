"""TinyScheduler's files as declarations: pure translation, with a note for what cannot be carried over."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from dotenv.parser import parse_stream

from scheduler_defs.declarations.names import name_fault
from scheduler_defs.errors import SignalboxError

PREFIX = "TINYSCHEDULER_"
_TRUE = frozenset({"true", "1", "yes"})
_LEGACY_QUEUE = "tinyscheduler"
_DEFAULT_GOOSE = "/root/.local/bin/goose"
_DEFAULT_ENDPOINT = "http://localhost:3000"

NOT_NEEDED: Mapping[str, str] = {
    "LOOP_INTERVAL_SEC": "queues are looked at when a task changes, and every five seconds",
    "HEARTBEAT_SEC": "workers renew leases by themselves (docs: operations)",
    "RUNNING_DIR": "there are no lease files; leases are in the database",
    "LOG_DIR": "each run's output is in the UI, the stack's logs are under the state folder",
    "LOCK_FILE": "one daemon runs per state folder",
    "TASK_CACHE_DIR": "TinyScheduler never used it",
    "BIN_DIR": "there is no wrapper script: the guard runs the command itself",
    "BASE_PATH": "paths are relative to the folder of config/",
    "LOG_LEVEL": "levels are Dagster's",
    "DRY_RUN": "ask for it: signalbox agents reconcile --dry-run",
    "ENABLED": "TinyScheduler never looked at it; agents have `enabled`",
    "AGENT_CONTROL_FILE": "its content becomes agents.yaml",
}


@dataclass(frozen=True)
class Translated:
    """The content of agents.yaml, and what a person should know."""

    document: Mapping[str, Any]
    notes: tuple[str, ...]


def read_env(text: str) -> dict[str, str]:
    """`NAME=value` lines as dotenv reads them; a variable in a value is left as it is written."""
    found: dict[str, str] = {}
    for line in parse_stream(StringIO(text)):
        if line.error or (line.key is not None and line.value is None):
            written = line.original.string
            number = line.original.line + written[: len(written) - len(written.lstrip())].count("\n")
            raise SignalboxError(f"line {number}: NAME=value is expected, not {written.strip()[:60]!r}")
        if line.key is not None:
            found[line.key] = line.value or ""
    return found


def read_limits(text: str) -> dict[str, int]:
    """`{"vaela": 3}` or `vaela:3,damien:2`. Raises SignalboxError."""
    try:
        pairs = json.loads(text) if text.lstrip().startswith("{") else None
        if pairs is None:
            split = [item.rpartition(":") for item in text.split(",") if item.strip()]
            pairs = {name.strip(): int(number) for name, _, number in split}
        return {str(name): _natural(number) for name, number in pairs.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise SignalboxError(f"{PREFIX}AGENT_LIMITS: {text[:80]!r}: {error}") from None


def translate(env: Mapping[str, str], control: Sequence[Any] | None, recipes: Collection[str]) -> Translated:
    """The declarations equal to TinyScheduler's settings and agent control file.

    `control` None is its legacy mode; `recipes` are the files in Signalbox's own recipes folder. Raises
    SignalboxError for what TinyScheduler itself would refuse.
    """
    settings = {name.removeprefix(PREFIX): value for name, value in env.items() if name.startswith(PREFIX)}
    limits = read_limits(settings["AGENT_LIMITS"]) if settings.get("AGENT_LIMITS") else {}
    notes: list[str] = []
    queues = _queues(control, limits, notes)
    task_queue: dict[str, Any] = {"backend": "tinytask", "url": _url(settings.get("MCP_ENDPOINT"))}
    if settings.get("DISABLE_BLOCKING", "").lower() in _TRUE:
        task_queue["blocking"] = "off"
    timeout = _seconds(settings.get("MAX_RUNTIME_SEC", "3600"))
    agents = {
        name: _agent(name, served, limits, settings, recipes, timeout, notes)
        for name, served in queues.items()
    }
    notes += [
        f"{name}: has a limit and is not in the control file; TinyScheduler ignored it, and so is it here"
        for name in sorted(limits.keys() - queues.keys())
    ]
    notes.append("a task is tried 3 times and then set aside as failed; TinyScheduler tried for ever")
    notes += [
        f"{PREFIX}{name} is not needed: {NOT_NEEDED[name]}"
        for name in sorted(settings.keys() & NOT_NEEDED.keys())
    ]
    known = {
        "AGENT_LIMITS",
        "MCP_ENDPOINT",
        "DISABLE_BLOCKING",
        "MAX_RUNTIME_SEC",
        "GOOSE_BIN",
        "RECIPES_DIR",
    }
    unknown = sorted(settings.keys() - NOT_NEEDED.keys() - known)
    notes += [f"{PREFIX}{name} is unknown and left out" for name in unknown]
    return Translated({"task_queue": task_queue, "agents": agents}, tuple(notes))


def _queues(
    control: Sequence[Any] | None, limits: Mapping[str, int], notes: list[str]
) -> dict[str, list[str]]:
    """Agents and the queues that they serve, in the order of the control file."""
    if control is None:
        notes.append(
            f"legacy mode: tasks were found by their assignee in any queue; here agents serve the queue"
            f" {_LEGACY_QUEUE!r}: move the tasks there, or name the agents' queues"
        )
        return {name: [_LEGACY_QUEUE] for name in limits}
    found: dict[str, list[str]] = {}
    for number, entry in enumerate(control, start=1):
        if not isinstance(entry, dict):
            raise SignalboxError(f"control file, entry {number}: an object is expected")
        values = [entry.get(key) for key in ("agentName", "agentType")]
        if not all(isinstance(value, str) and value.strip() for value in values):
            raise SignalboxError(f"control file, entry {number}: agentName and agentType must be texts")
        name, queue = (str(value).strip() for value in values)
        for kind, text in (("agentName", name), ("agentType", queue)):
            if fault := name_fault(text):
                raise SignalboxError(f"control file, entry {number}: {kind}: {fault}")
        if name in found:
            notes.append(f"{name}: is in the control file more than once; here it serves all its queues")
        served = found.setdefault(name, [])
        if queue not in served:
            served.append(queue)
        extra = sorted(entry.keys() - {"agentName", "agentType"})
        notes += [f"{name}: {key} is left out: TinyScheduler ignored it" for key in extra]
    return found


def _agent(
    name: str,
    queues: list[str],
    limits: Mapping[str, int],
    settings: Mapping[str, str],
    recipes: Collection[str],
    timeout: str,
    notes: list[str],
) -> dict[str, Any]:
    agent: dict[str, Any] = {"queue": queues[0]} if len(queues) == 1 else {"queues": queues}
    agent["limit"] = limits.get(name, 0)
    if name not in limits:
        notes.append(f"{name}: has no limit, which is no slot at all (limit: 0); give it one")
    file = f"{name}.yaml"
    recipe = "{agent.recipe}"
    if file in recipes:
        agent["recipe"] = file
    else:
        recipe = f"{settings.get('RECIPES_DIR', 'recipes').rstrip('/')}/{file}"
        notes.append(f"{name}: {file} is not in the recipes folder; copy it there and set recipe: {file}")
    goose = settings.get("GOOSE_BIN", _DEFAULT_GOOSE)
    agent["command"] = [
        *(goose, "run", "--no-session", "--recipe", recipe),
        *("--params", "task_id={task.id}"),
    ]
    agent["timeout"] = timeout
    return agent


def _url(endpoint: str | None) -> str:
    """TinyTask's address: TinyScheduler names the MCP endpoint, Signalbox uses REST on the same server."""
    url = re.sub(r"^ws(s?)://", r"http\1://", endpoint or _DEFAULT_ENDPOINT).rstrip("/")
    return url.removesuffix("/mcp").rstrip("/")


def _natural(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"{number!r} is not a natural number")
    return number


def _seconds(text: str) -> str:
    if not text.isdecimal() or int(text) == 0:
        raise SignalboxError(f"{PREFIX}MAX_RUNTIME_SEC: {text!r} is not a positive number of seconds")
    return f"{int(text)}s"

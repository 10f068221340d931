"""Kestra's flows as declarations: those that run commands at set times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

from scheduler_defs.cli.init.translation import Translation, without_secrets

_SHELL = frozenset(
    {
        "io.kestra.plugin.scripts.shell.Commands",
        "io.kestra.plugin.scripts.shell.Script",
        "io.kestra.core.tasks.scripts.Bash",
    }
)
_SCRIPTS = {
    "io.kestra.plugin.scripts.python.Commands": None,
    "io.kestra.plugin.scripts.python.Script": ["python3", "-c"],
    "io.kestra.plugin.scripts.node.Commands": None,
    "io.kestra.plugin.scripts.node.Script": ["node", "-e"],
}
_SEQUENTIAL = frozenset({"io.kestra.plugin.core.flow.Sequential", "io.kestra.core.tasks.flows.Sequential"})
_PARALLEL = frozenset({"io.kestra.plugin.core.flow.Parallel", "io.kestra.core.tasks.flows.Parallel"})
_SCHEDULE = frozenset(
    {"io.kestra.plugin.core.trigger.Schedule", "io.kestra.core.models.triggers.types.Schedule"}
)
_UNDERSTOOD = frozenset(
    {"id", "namespace", "description", "tasks", "triggers", "disabled", "labels", "revision", "deleted"}
)
_OF_TRIGGER = frozenset({"id", "type", "cron", "timezone", "disabled", "recoverMissedSchedules"})
_RECOVER = {"ALL": "all", "LAST": "latest", "NONE": "none"}
_OF_TASK = frozenset(
    {
        *("id", "type", "commands", "script", "env", "description", "disabled"),
        *("containerImage", "docker", "runner", "taskRunner"),
    }
)


def read(text: str, name: str, carried: Translation) -> None:
    """Every flow of a file (several: as YAML documents). What is no command at a set time is noted."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark is not None else name
        carried.note(place, f"not YAML: {getattr(error, 'problem', None) or error}")
        return
    flows = [each for each in documents if isinstance(each, Mapping) and "tasks" in each]
    if not flows:
        carried.note(name, "no flow in it: a flow has id, namespace and tasks")
    for flow in flows:
        _flow(carried, name, cast("Mapping[str, Any]", flow))


def _flow(carried: Translation, name: str, flow: Mapping[str, Any]) -> None:
    own = str(flow.get("id") or "flow")
    place = f"{name}: flow {own}"
    unknown = sorted(flow.keys() - _UNDERSTOOD)
    if unknown:
        carried.note(place, f"{', '.join(map(str, unknown))}: no equivalent; carried over without")
    steps: dict[str, dict[str, Any]] = {}
    if _steps(carried, place, flow.get("tasks"), steps, needs=()) is None or not steps:
        return
    timings = [timing for each in _list(flow.get("triggers")) if (timing := _timing(carried, place, each))]
    if not timings:
        carried.note(place, "it has no schedule that could be carried over; the flow is left out")
        return
    off = {"enabled": False} if flow.get("disabled") is True else {}
    for timing in timings:
        schedule = {**timing, **off}
        if len(steps) == 1:
            [step] = steps.values()
            carried.add(place, own, step["command"], schedule)
        else:
            carried.add_steps(place, own, steps, schedule)


def _steps(
    carried: Translation, place: str, tasks: Any, steps: dict[str, dict[str, Any]], needs: Sequence[str]
) -> list[str] | None:
    """Add the tasks, one after the other; what a later one waits for. None, and a note: one is no command."""
    before = list(needs)
    if not _list(tasks):
        carried.note(place, "it has no tasks; the flow is left out")
        return None
    for task in _on({"tasks": tasks}):
        kind = str(task.get("type"))
        own = str(task.get("id") or f"step-{len(steps) + 1}")
        if kind in _SEQUENTIAL:
            after = _steps(carried, place, task.get("tasks"), steps, before)
            if after is None:
                return None
            before = after
            continue
        if kind in _PARALLEL:
            ends: list[str] = []
            for each in _on(task):
                after = _steps(carried, place, [each], steps, before)
                if after is None:
                    return None
                ends += after
            before = ends or before
            continue
        command = _command(carried, f"{place}, task {own}", kind, task)
        if command is None:
            return None
        if own in steps:
            carried.note(place, f"two tasks are named {own}; the flow is left out")
            return None
        steps[own] = {"command": command, **({"needs": before} if before else {})}
        before = [own]
    return before


def _command(carried: Translation, place: str, kind: str, task: Mapping[str, Any]) -> list[str] | None:
    if "runIf" in task:
        carried.note(place, "runIf: no equivalent; the flow is left out")
        return None
    lines = [str(each) for each in _list_of_texts(task.get("commands"))]
    script = task.get("script")
    if kind in _SHELL:
        words = ["sh", "-ec", str(script) if script is not None else "\n".join(lines)]
    elif kind in _SCRIPTS and script is not None and _SCRIPTS[kind]:
        words = [*(_SCRIPTS[kind] or ()), str(script)]
    elif kind in _SCRIPTS and lines:
        words = ["sh", "-ec", "\n".join(lines)]
    else:
        carried.note(place, f"{kind}: only tasks with shell, Python or Node commands; the flow is left out")
        return None
    if "{{" in words[-1]:
        carried.note(place, "its command has a template ({{ }}); the flow is left out")
        return None
    if not words[-1].strip():
        carried.note(place, "it has no command; the flow is left out")
        return None
    more = sorted(task.keys() - _OF_TASK)
    if more:
        carried.note(place, f"{', '.join(map(str, more))}: no equivalent; carried over without")
    if task.get("containerImage") or task.get("docker"):
        carried.note(place, "its container is left out: it runs where the workers run")
    given = task.get("env")
    if not isinstance(given, Mapping):
        return words
    variables = {str(key): str(value) for key, value in cast("Mapping[Any, Any]", given).items()}
    kept = without_secrets(carried, place, {k: v for k, v in variables.items() if "{{" not in v})
    for key in sorted(k for k, v in variables.items() if "{{" in v):
        carried.note(place, f"{key} is a template: set it for the workers, and name it in the job's env:")
    return ["env", *(f"{key}={value}" for key, value in kept.items()), *words] if kept else words


def _timing(carried: Translation, place: str, trigger: Mapping[str, Any]) -> dict[str, Any] | None:
    own = f"{place}, trigger {trigger.get('id') or '?'}"
    if trigger.get("type") not in _SCHEDULE:
        carried.note(own, f"{trigger.get('type')}: only a Schedule says a time")
        return None
    cron = trigger.get("cron")
    if not isinstance(cron, str):
        carried.note(own, "it has no cron")
        return None
    more = sorted(trigger.keys() - _OF_TRIGGER)
    if more:
        carried.note(own, f"{', '.join(map(str, more))}: no equivalent; the trigger is left out")
        return None
    return {
        "cron": cron,
        "timezone": str(trigger.get("timezone") or "UTC"),
        "catch_up": _RECOVER.get(str(trigger.get("recoverMissedSchedules", "ALL")), "all"),
        "enabled": False if trigger.get("disabled") is True else None,
    }


def _on(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Its tasks, without those that are switched off."""
    return [each for each in _list(task.get("tasks")) if each.get("disabled") is not True]


def _list(value: Any) -> list[Mapping[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [each for each in items if isinstance(each, Mapping)]


def _list_of_texts(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [value]
    return cast("list[Any]", value) if isinstance(value, list) else []

"""Agents and the task queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from scheduler_defs.declarations.building.common import approve, check_retries, retries, unknown_name
from scheduler_defs.declarations.building.workspaces import accepting, build_workspace
from scheduler_defs.declarations.models.declared import (
    Ageing,
    Agent,
    Price,
    QueueSettings,
    Quota,
    Retries,
    TaskQueueConfig,
)
from scheduler_defs.declarations.names import name_fault
from scheduler_defs.declarations.placeholders import PLACEHOLDER, check_agent_command
from scheduler_defs.declarations.reading.faults import Entry, near
from scheduler_defs.declarations.written.agents import AgeingEntry, AgentEntry, QuotaEntry, TaskQueueEntry
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.patterns import pattern_fault
from scheduler_defs.settings import resolved
from scheduler_defs.timing import Window

DEFAULT_ATTEMPTS = 3
COMMANDS_OF_RECIPES: Mapping[str, tuple[str, ...]] = {
    ".py": ("python", "{agent.recipe}"),
    ".yaml": (
        *("goose", "run", "--no-session", "--recipe", "{agent.recipe}"),
        *("--params", "task_id={task.id}"),
    ),
}
"""What runs a recipe when the agent names no command, by the recipe's suffix."""


def build_quota(entry: Entry) -> Quota | None:
    """The quota pool, or None and faults noted."""
    if entry.node.value is None:
        return Quota(name=entry.name, source=entry.position)
    written = read_entry(entry, QuotaEntry)
    if written is None:
        return None
    for index, pattern in enumerate(written.patterns or ()):
        if fault := pattern_fault(pattern):
            entry.fault(fault, "patterns", index)
    if entry.faulty:
        return None
    return Quota(
        name=entry.name,
        source=entry.position,
        patterns=tuple(written.patterns or ()),
        reserve=int((written.reserve or "0%").removesuffix("%")) / 100,
        window=written.window,
        tokens=written.tokens,
        description=written.description,
    )


def build_agent(
    entry: Entry,
    recipes: Path,
    quotas: Collection[str] = (),
    prices: Mapping[str, Price | None] = MappingProxyType({}),
) -> Agent | None:
    """The agent, or None and faults noted. `recipes` is the folder that recipes may come from.

    `prices` are those that are declared; None: with faults.
    """
    written = read_entry(entry, AgentEntry)
    if written is None:
        return None
    check_retries(entry, written.retries)
    if (written.queue is None) == (written.queues is None) and not entry.dropped & {"queue", "queues"}:
        entry.fault("needs one of queue: NAME or queues: [NAMES]")
    recipe = None if written.recipe is None else _recipe(entry, written.recipe, recipes)
    command = _command(entry, written, recipe)
    if written.quota is not None and written.quota not in quotas:
        entry.fault(unknown_name("quota", written.quota, quotas), "quota")
    if written.price is not None and written.price not in prices:
        entry.fault(unknown_name("price", written.price, prices), "price")
    if written.when_idle == "nudge" and not written.resume:
        entry.fault('nudge needs resume: [PROGRAM, .., "{session.id}", "{answer.text}"]', "when_idle")
    if written.cwd is not None and PLACEHOLDER.search(written.cwd):
        entry.fault(f"{written.cwd!r}: nothing is filled in here; workspace: gives each task its own", "cwd")
    workspace = build_workspace(entry, written.workspace, recipes.parent)
    windows: list[Window] = []
    for index, text in enumerate(written.working_hours or ()):
        try:
            windows.append(Window.parse(text, written.timezone))
        except ValueError as error:
            entry.fault(str(error), "working_hours", index)
    if entry.faulty or command is None:
        return None
    return Agent.model_construct(
        name=entry.name,
        source=entry.position,
        queues=tuple(dict.fromkeys(written.queues or [written.queue or ""])),
        limit=written.limit,
        command=command,
        recipe=None if recipe is None else str(recipe),
        env=tuple(written.env or ()),
        cwd=written.cwd,
        timeout=written.timeout,
        grace=written.grace,
        idle_after=written.idle_after,
        when_idle=written.when_idle,
        retries=retries(written.retries) or Retries(max_attempts=DEFAULT_ATTEMPTS),
        capabilities=tuple(written.capabilities or ()),
        enabled=written.enabled,
        pull=written.pull,
        working_hours=tuple(windows),
        celery_queue=written.celery_queue,
        quota=written.quota,
        price=prices.get(written.price or ""),
        resume=tuple(written.resume or ()),
        approve=approve(written.approve),
        workspace=workspace,
        accept=accepting(written.accept),
        accept_from_task=written.accept_from_task,
        tags=written.tags or {},
        owner=written.owner,
        description=written.description,
    )


def build_task_queue(entries: list[Entry], served: Iterable[str], recipes: Path) -> TaskQueueConfig:
    """The task queue's settings from all files; what has faults is as if it were not there.

    `served` are the queues that some agent serves.
    """
    known = set(served)
    found: TaskQueueConfig | None = None
    first: Entry | None = None
    for entry in entries:
        if first is not None:
            entry.fault(f"is declared already, at {first.position}")
            continue
        first = entry
        written = read_entry(entry, TaskQueueEntry)
        if written is None:
            continue
        for name in written.queues:
            if fault := name_fault(name):
                entry.fault(fault, "queues", name, on_key=True)
            elif name not in known:
                hint = near(name, sorted(known)) if known else ""
                entry.fault(f"no agent serves the queue {name!r}{hint}", "queues", name, on_key=True)
        first_tasks = written.first_tasks and _recipe(entry, written.first_tasks, recipes, "first_tasks")
        if not entry.faulty:
            found = _task_queue(written, str(first_tasks) if first_tasks else None)
    return found or TaskQueueConfig()


def _task_queue(written: TaskQueueEntry, first_tasks: str | None) -> TaskQueueConfig:
    default = QueueSettings(blocking=written.blocking, ageing=_ageing(written.ageing))
    queues = {
        name: QueueSettings(
            blocking=default.blocking if queue.blocking is None else queue.blocking,
            ageing=_ageing(queue.ageing) if "ageing" in queue.model_fields_set else default.ageing,
            accept=accepting(queue.accept),
            weight=queue.weight,
            description=queue.description,
        )
        for name, queue in written.queues.items()
    }
    return TaskQueueConfig(
        backend=written.backend,
        url=written.url,
        timeout=written.timeout,
        first_tasks=first_tasks,
        default=default,
        queues=queues,
    )


def _ageing(written: AgeingEntry | None) -> Ageing | None:
    if written is None:
        return None
    return Ageing(every=written.every, limit=written.limit, first_after=written.first_after)


def _command(entry: Entry, written: AgentEntry, recipe: Path | None) -> tuple[str, ...] | None:
    if written.command is not None:
        check_agent_command(
            entry, written.command, recipe=written.recipe is not None, workspace=written.workspace is not None
        )
        return tuple(written.command)
    if entry.dropped & {"command", "recipe"}:
        return None
    if written.recipe is None and written.pull:
        return ()
    if written.recipe is None:
        entry.fault("needs command: [PROGRAM, ARGUMENTS] or recipe: FILE")
        return None
    if recipe is None:
        return None
    suffix = ".yaml" if recipe.suffix == ".yml" else recipe.suffix
    if suffix not in COMMANDS_OF_RECIPES:
        entry.fault(
            f'needs command: [PROGRAM, .., "{{agent.recipe}}"]; only recipes ending in'
            f" {', '.join(COMMANDS_OF_RECIPES)} have one of their own",
        )
        return None
    return COMMANDS_OF_RECIPES[suffix]


def _recipe(entry: Entry, given: str, recipes: Path, field: str = "recipe") -> Path | None:
    """The real path of what `field` names: a file inside the folder, with all symbolic links followed."""
    folder = recipes.resolve()
    relative = Path(given)
    if relative.is_absolute() or given.startswith("~"):
        entry.fault(f"{given!r} must be relative to the recipes folder {recipes.name}/", field)
        return None
    if relative.parts[:1] == (recipes.name,) and not (folder / relative).exists():
        relative = Path(*relative.parts[1:])
    try:
        path = resolved(folder / relative)
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL in the name
        entry.fault(f"{given!r} cannot be resolved", field)
        return None
    if not path.is_relative_to(folder) or path == folder:
        entry.fault(f"{given!r} leads outside the recipes folder {recipes.name}/", field)
        return None
    if not path.is_file():
        names = sorted(each.name for each in folder.glob("*") if each.is_file()) if folder.is_dir() else []
        entry.fault(f"there is no file {given!r} in {recipes.name}/{near(relative.name, names)}", field)
        return None
    return path

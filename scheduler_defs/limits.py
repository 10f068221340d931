"""Every limit in force: those of limits.yaml, and those that jobs, agents and schedules imply.

A limit counts active runs (starting, started, being cancelled) that carry a tag. All limits that match a
run apply to it, so a second limit can tighten the first and never loosen it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scheduler_defs import tags
from scheduler_defs.settings import settings

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Declarations, Position


@dataclass(frozen=True, slots=True)
class TagLimit:
    """At most `limit` active runs with tag `key`.

    `value` None counts all values of the key together; `per_value` counts each value by itself.
    `source` is the declaration's place, `config/limits.yaml:3`.
    """

    key: str
    value: str | None
    per_value: bool
    limit: int
    source: str


def effective_limits(declarations: Declarations) -> tuple[TagLimit, ...]:
    """The limits of one set of declarations, those of limits.yaml first.

    A schedule whose overlap policy is `queue` is a limit of one run at a time.
    """
    from scheduler_defs.declarations.models.declared import Overlap

    declared = [
        TagLimit(limit.key, limit.value, limit.per_value, limit.limit, place(limit.source))
        for limit in declarations.limits
    ]
    jobs = [
        TagLimit(tags.JOB, name, False, job.max_concurrent, place(job.source))
        for name, job in declarations.jobs.items()
        if job.max_concurrent is not None
    ]
    agents = [
        TagLimit(tags.AGENT, name, False, agent.limit, place(agent.source))
        for name, agent in declarations.agents.items()
    ]
    schedules = [
        TagLimit(tags.SCHEDULE, name, False, 1, place(schedule.source))
        for name, schedule in declarations.schedules.items()
        if schedule.overlap is Overlap.QUEUE
    ]
    return (*declared, *jobs, *agents, *schedules)


def queue_of_location(name: str) -> str | None:
    """The Celery queue that the declarations in force give the runs of a location; None: none of its own."""
    from scheduler_defs.declarations import current

    where = settings()
    try:
        found = current(where.config, where.state).declarations.locations.get(name)
    except OSError:
        return None
    return None if found is None else found.queue


def place(position: Position) -> str:
    """`config/limits.yaml:3`"""
    return f"{position.file}:{position.line}"


def dagster_tag_limits(limits: Iterable[TagLimit]) -> list[Mapping[str, Any]]:
    """The same limits in the form of Dagster's run queue config, which shows them in the UI.

    Where several limits count the same runs, Dagster's form has room for one: the tightest.
    """
    tightest: dict[tuple[str, str | None, bool], int] = {}
    for limit in limits:
        counted = (limit.key, None if limit.per_value else limit.value, limit.per_value)
        tightest[counted] = min(limit.limit, tightest.get(counted, limit.limit))
    entries: list[Mapping[str, Any]] = []
    for (key, value, per_value), number in tightest.items():
        entry: dict[str, Any] = {"key": key, "limit": number}
        if per_value:
            entry["value"] = {"applyLimitPerUniqueValue": True}
        elif value is not None:
            entry["value"] = value
        entries.append(entry)
    return entries

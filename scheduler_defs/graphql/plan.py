"""What differs between the declarations and the running instance, and how to make them equal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.cadence import cron_of
from scheduler_defs.evaluation.facts.pauses import Pause


class Change(StrEnum):
    """How something differs."""

    NEW = "new"
    """Declared, not known to the running instance yet."""
    CHANGED = "changed"
    """Known with another rule, zone or default."""
    REMOVED = "removed"
    """Known to the running instance, declared no more."""
    SWITCHED_ON = "switched_on"
    """Somebody switched it on, against the declaration."""
    SWITCHED_OFF = "switched_off"
    """Somebody switched it off, against the declaration."""
    PAUSED = "paused"
    """Somebody paused it."""
    MISSING = "missing"
    """What it runs in another location is not there: its runs fail. No `apply` mends that."""


STATE_CHANGES = frozenset({Change.SWITCHED_ON, Change.SWITCHED_OFF, Change.PAUSED})
"""What lives in the instance on purpose: `apply` leaves it alone unless told to reset state."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the plan."""

    kind: str
    name: str
    change: Change
    detail: str


def differences(
    declarations: Declarations,
    schedules: Mapping[str, Mapping[str, Any]],
    jobs: frozenset[str],
    pauses: Mapping[str, Pause],
    now: dt.datetime,
    stopped_sensors: frozenset[str] = frozenset(),
) -> list[Difference]:
    """Compare declarations with the instance's schedules and job names, which go by their Dagster names.

    `stopped_sensors`: those that somebody has switched off, the engine's own ones included.
    """
    found = [
        Difference("sensor", name, Change.SWITCHED_OFF, "it is declared to be on")
        for name in sorted(stopped_sensors)
    ]
    declared = {dagster_name(name): schedule for name, schedule in declarations.schedules.items()}
    for name, schedule in declared.items():
        running = schedules.get(name)
        if running is None:
            found.append(Difference("schedule", schedule.name, Change.NEW, schedule.spec))
        else:
            found += _schedule_differences(schedule, running, pauses.get(schedule.name), now)
    found += [
        Difference("schedule", name, Change.REMOVED, "declared no more")
        for name in schedules
        if name not in declared
    ]
    found += [
        Difference("job", job.name, Change.NEW, job.description or ("steps" if job.steps else "a command"))
        for job in declarations.jobs.values()
        if dagster_name(job.name) not in jobs
    ]
    return found


def _schedule_differences(
    schedule: Schedule, running: Mapping[str, Any], pause: Pause | None, now: dt.datetime
) -> list[Difference]:
    found: list[Difference] = []
    rule = cron_of(schedule)
    wanted = (rule if isinstance(rule, str) else str(list(rule)), schedule.timezone, schedule.enabled)
    known = (running["cron"], running["timezone"], running["default"] == "RUNNING")
    if wanted != known:
        found.append(Difference("schedule", schedule.name, Change.CHANGED, f"{known} -> {wanted}"))
    on = running["status"] == "RUNNING"
    if on != schedule.enabled:
        change = Change.SWITCHED_ON if on else Change.SWITCHED_OFF
        found.append(
            Difference(
                "schedule", schedule.name, change, f"the file says enabled: {str(schedule.enabled).lower()}"
            )
        )
    if pause is not None and pause.holds_at(now):
        until = pause.until.isoformat() if pause.until else "resumed"
        why = f": {pause.reason}" if pause.reason else ""
        found.append(
            Difference("schedule", schedule.name, Change.PAUSED, f"by {pause.actor} until {until}{why}")
        )
    return found

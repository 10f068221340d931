"""From declarations to what the forecast plays: schedules with expected durations, and limits by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from scheduler_defs import launching, tags
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.forecasting.simulation.model import Planned
from scheduler_defs.limits import TagLimit, effective_limits, place
from scheduler_defs.timing import AtSpec, Spec

if TYPE_CHECKING:
    from scheduler_defs.evaluation.facts.pauses import Pause
    from scheduler_defs.forecasting.history import Medians

SLOTS = "worker slots"
"""Name of the limit that all runs share: how many the workers do at once."""


class Source(StrEnum):
    """Where an expected duration comes from."""

    HISTORY = "history"
    """The median of the schedule's runs."""
    JOB_HISTORY = "job_history"
    """The median of the job's runs: the schedule has had none."""
    DECLARED = "declared"
    """`expected` of the schedule or its job."""
    ASSUMED = "assumed"
    """Nothing is known: what the caller assumes, or the timeout if that is shorter."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the running instance adds to the files. All empty: only the files are known."""

    medians: Medians | None = None
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    switched_on: Mapping[str, bool] = field(default_factory=dict)
    """By schedule, where the instance knows it."""
    anticipated: Mapping[str, Mapping[datetime, str]] = field(default_factory=dict)
    """By `at` schedule: its occurrences that were run before their time."""
    slots: int | None = None
    """How many runs its workers do at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The schedules that are played, with the limits that concern them, and those that are not."""

    planned: tuple[Planned, ...]
    limits: Mapping[str, int]
    sources: Mapping[str, Source]
    """By schedule: where its expected duration comes from."""
    left_out: Mapping[str, str]
    """By schedule: why it is not played."""


def plan(
    declarations: Declarations,
    begin: datetime,
    *,
    known: Known,
    assumed: timedelta,
    slots: int | None = None,
) -> Plan:
    """What to play from `begin` on. `slots`: how many runs the workers do at once; None: any number."""
    limits: dict[str, int] = {} if slots is None else {SLOTS: slots}
    declared = [
        limit
        for limit in effective_limits(declarations)
        if not (limit.key == tags.SCHEDULE and _is_overlap(declarations, limit))
    ]
    planned: list[Planned] = []
    sources: dict[str, Source] = {}
    left_out: dict[str, str] = {}
    for schedule in declarations.schedules.values():
        reason = _not_played(schedule, known, begin)
        if reason is not None:
            left_out[schedule.name] = reason
            continue
        duration, sources[schedule.name] = _expected(declarations, schedule, known.medians, assumed)
        mine = _limits_of(declarations, schedule, declared, begin)
        for name, most in mine.items():
            limits[name] = min(most, limits.get(name, most))
        job = declarations.jobs.get(schedule.job)
        pause = known.pauses.get(schedule.name)
        policies = schedule.policies
        if pause is not None and pause.until is not None and pause.holds_at(begin):
            policies = replace(policies, start=max(pause.until, policies.start or pause.until))
        planned.append(
            Planned(
                name=schedule.name,
                spec=_left_of(schedule.timing, known.anticipated.get(schedule.name, {})),
                duration=duration,
                job=schedule.job,
                policies=policies,
                limits=(*([] if slots is None else [SLOTS]), *mine),
                max_global=schedule.max_global,
                max_per_job=schedule.max_per_job,
                overlap=schedule.overlap.value,
                priority=schedule.priority or (job.priority if job else 0),
            )
        )
    return Plan(tuple(planned), limits, sources, left_out)


def _not_played(schedule: Schedule, known: Known, begin: datetime) -> str | None:
    if not known.switched_on.get(schedule.name, schedule.enabled):
        return "off"
    pause = known.pauses.get(schedule.name)
    if pause is not None and pause.until is None and pause.holds_at(begin):
        return "paused" + (f": {pause.reason}" if pause.reason else "")
    if schedule.when is not None:
        return f"conditional: {schedule.spec}"
    taken = known.anticipated.get(schedule.name, {})
    if isinstance(schedule.timing, AtSpec) and all(due in taken for due in schedule.timing.instants):
        return "completed: run before its time"
    return None


def _left_of(spec: Spec, taken: Mapping[datetime, str]) -> Spec:
    if not isinstance(spec, AtSpec) or not taken:
        return spec
    return replace(spec, instants=tuple(due for due in spec.instants if due not in taken))


def _expected(
    declarations: Declarations, schedule: Schedule, medians: Medians | None, assumed: timedelta
) -> tuple[timedelta, Source]:
    if medians is not None:
        if schedule.name in medians.schedules:
            return medians.schedules[schedule.name], Source.HISTORY
        if schedule.job in medians.jobs:
            return medians.jobs[schedule.job], Source.JOB_HISTORY
    job = declarations.jobs.get(schedule.job)
    declared = schedule.expected or (job.expected if job else None)
    if declared is not None:
        return declared, Source.DECLARED
    timeout = schedule.timeout or (job.timeout if job else None)
    return min(assumed, timeout or assumed), Source.ASSUMED


def _limits_of(
    declarations: Declarations, schedule: Schedule, declared: list[TagLimit], begin: datetime
) -> dict[str, int]:
    """The tag limits that count the schedule's runs, by name."""
    job = declarations.jobs.get(schedule.job)
    run_tags = {
        **(job.tags if job else {}),
        **({tags.CELERY_QUEUE: job.queue} if job and job.queue else {}),
        **launching.for_occurrence(declarations, schedule, begin).tags,
    }
    found: dict[str, int] = {}
    for limit in declared:
        value = run_tags.get(limit.key)
        if value is None or (limit.value is not None and limit.value != value):
            continue
        one_value = limit.value is not None or limit.per_value
        name = f"{limit.key}={value}" if one_value else limit.key
        found[name] = min(limit.limit, found.get(name, limit.limit))
    return found


def _is_overlap(declarations: Declarations, limit: TagLimit) -> bool:
    """Whether it stands for a schedule's `overlap: queue`, which the forecast plays by itself."""
    schedule = declarations.schedules.get(limit.value or "")
    return schedule is not None and limit.source == place(schedule.source)

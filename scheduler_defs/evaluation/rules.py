"""Overlap and limits: pure rules over the runs that have not ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from scheduler_defs.declarations.models.declared import Overlap, Schedule
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.ledger.reasons import Limit, Reason
from scheduler_defs.ledger.reasons import Overlap as ByOverlap


class Do(Enum):
    """What becomes of an occurrence that is due."""

    RUN = "run"
    SKIP = "skip"
    """It is left out for good."""
    DEFER = "defer"
    """It is looked at again when there is room, until its misfire grace ends."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, why if it is not to run now, and which runs to cancel first."""

    do: Do
    reason: Reason | None = None
    cancel: tuple[str, ...] = ()


def decide(schedule: Schedule, active: Sequence[KnownRun], *, overlap: bool = True) -> Verdict:
    """What becomes of an occurrence of `schedule`, given every run that has not ended.

    Overlap comes first: an occurrence that is skipped anyway does not wait for a limit. Limits count queued
    and running runs, also those that were granted a moment ago; 0 means never. `overlap` False looks at the
    limits only.
    """
    mine = [run for run in active if run.schedule == schedule.name] if overlap else []
    of_job = sum(run.job == schedule.job for run in active)
    return decide_counted(schedule, mine, total=len(active), of_job=of_job)


def decide_counted(schedule: Schedule, mine: Sequence[KnownRun], *, total: int, of_job: int) -> Verdict:
    """The same, given the schedule's own active runs, and how many runs are active: all, and of its job."""
    verdict = _overlap(schedule, mine)
    if verdict.do is not Do.RUN:
        return verdict
    leaving = len(verdict.cancel)
    return _limits(schedule, total - leaving, of_job - leaving) or verdict


def _overlap(schedule: Schedule, mine: Sequence[KnownRun]) -> Verdict:
    match schedule.overlap:
        case Overlap.ALLOW:
            return Verdict(Do.RUN)
        case Overlap.SKIP:
            if mine:
                return Verdict(Do.SKIP, _because_of(mine[0], schedule.overlap))
        case Overlap.QUEUE:
            waiting = [run for run in mine if run.stage is Stage.WAITING]
            if waiting:
                return Verdict(Do.SKIP, _because_of(waiting[0], schedule.overlap))
        case Overlap.CANCEL_RUNNING:
            return Verdict(Do.RUN, cancel=tuple(run.run_id for run in mine if run.run_id is not None))
    return Verdict(Do.RUN)


def _limits(schedule: Schedule, total: int, of_job: int) -> Verdict | None:
    counted = (("max_global", schedule.max_global, total), ("max_per_job", schedule.max_per_job, of_job))
    for name, limit, count in counted:
        if limit == 0:
            return Verdict(Do.SKIP, Limit(name, count, 0))
        if limit is not None and count >= limit:
            return Verdict(Do.DEFER, Limit(name, count, limit))
    return None


def _because_of(run: KnownRun, overlap: Overlap) -> Reason:
    return ByOverlap(run.run_id, run.scheduled_for, run.stage.value, overlap.value)

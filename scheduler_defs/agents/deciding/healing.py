"""What to do about runs that ended without saying so: their worker was killed, or they never started."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from scheduler_defs.agents.deciding.settling import Ending

NO_RUN_AFTER = dt.timedelta(seconds=45)
"""A request that no run has come of for so long is given up: whoever was to launch it is gone."""


class RunState(StrEnum):
    """A run as Dagster's storage has it."""

    UNFINISHED = "unfinished"
    """Queued, starting, running, or being cancelled."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    MISSING = "missing"
    """There is no such run: it was not launched yet, or it was deleted."""


class Remedy(StrEnum):
    """What to do with one assignment."""

    NOTHING = "nothing"
    SETTLE = "settle"
    """Tell the task queue how the work ended; then end the assignment."""
    CANCEL_TASK = "cancel_task"
    """Its run was cancelled before it began: the task is not to be done."""
    RELEASE = "release"
    """End the assignment; the task queue knows nothing of it."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An assignment whose run may be lost. `noted`: how the work ended is known already."""

    claimed: bool
    noted: bool
    run: RunState
    failure: str | None
    requested: dt.datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """The remedy; for SETTLE also as what the run ended, and why; and whether the agent failed to start."""

    remedy: Remedy
    ending: Ending | None = None
    failed_start: bool = False
    detail: str = ""


def examine(doubtful: Doubtful, now: dt.datetime) -> Finding:
    """Decide about one assignment."""
    if doubtful.run is RunState.UNFINISHED:
        return Finding(Remedy.NOTHING)
    if doubtful.run is RunState.MISSING and not doubtful.claimed:
        waited = now - doubtful.requested
        return Finding(Remedy.RELEASE if waited > NO_RUN_AFTER else Remedy.NOTHING)
    if not doubtful.claimed:
        if doubtful.run is RunState.CANCELED:
            return Finding(Remedy.CANCEL_TASK)
        # A worker that died is not the agent's fault.
        failed = doubtful.run is RunState.FAILED and doubtful.failure != Ending.WORKER_LOST
        return Finding(Remedy.RELEASE, failed_start=failed)
    if doubtful.noted:
        return Finding(Remedy.SETTLE)
    detail = "its run was deleted" if doubtful.run is RunState.MISSING else ""
    return Finding(Remedy.SETTLE, _ending(doubtful), detail=detail)


def _ending(doubtful: Doubtful) -> Ending:
    match doubtful.run:
        case RunState.SUCCEEDED:
            return Ending.SUCCESS
        case RunState.CANCELED:
            return Ending.CANCELED
        case _:
            pass
    named = {ending.value for ending in (Ending.TIMEOUT, Ending.EXIT_CODE, Ending.ERROR)}
    return Ending(doubtful.failure) if doubtful.failure in named else Ending.WORKER_LOST

"""What becomes of a task when a run on it ends: one pure function for both task queues."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a task is in its life."""

    IDLE = "idle"
    """To be done. It may be waiting for blockers, for a time or for a slot."""
    WORKING = "working"
    """Claimed by a run."""
    COMPLETE = "complete"
    """Done; tasks that waited for it may start."""
    FAILED = "failed"
    """Dead letter: its attempts are used up, or its agent gave it up. A person decides what next."""
    CANCELED = "canceled"
    """Not to be done any more."""


class Ending(StrEnum):
    """How the work of a run on a task ended."""

    SUCCESS = "success"
    """The command exited with 0."""
    EXIT_CODE = "exit_code"
    """The command exited with something else."""
    TIMEOUT = "timeout"
    """The command was ended at its deadline."""
    START_FAILED = "start_failed"
    """The command could not be started."""
    WORKER_LOST = "worker_lost"
    """The worker went away, and the command with it."""
    ERROR = "error"
    """Something else went wrong around the command."""
    CANCELED = "canceled"
    """Somebody cancelled the run."""


class Verdict(StrEnum):
    """What to do with the task."""

    COMPLETE = "complete"
    """It is done."""
    RETRY = "retry"
    """Back to idle; not before the back-off is over."""
    DEAD_LETTER = "dead_letter"
    """Its attempts are used up."""
    CANCEL = "cancel"
    """Its run was cancelled, and so is it."""
    LEAVE = "leave"
    """Somebody has decided otherwise meanwhile, and that counts."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The task as it is when the run ends. `held_by_run`: the run's claim on it still stands."""

    status: TaskStatus
    held_by_run: bool
    attempts: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The verdict, since when the task may be tried again (RETRY only), and why, for the comment."""

    verdict: Verdict
    not_before: dt.datetime | None
    why: str


_WORDS = {
    Ending.SUCCESS: "exit code 0",
    Ending.TIMEOUT: "timed out",
    Ending.START_FAILED: "the command could not be started",
    Ending.WORKER_LOST: "the worker was lost",
    Ending.ERROR: "error",
    Ending.CANCELED: "the run was canceled",
}


def settle(
    task: Holding,
    ending: Ending,
    *,
    detail: str = "",
    wait: dt.timedelta | None = dt.timedelta(0),
    now: dt.datetime,
) -> Settlement:
    """Decide what the end of a run means for its task.

    `detail` says more about the ending (`exit code 3`), `wait` is the back-off before the next attempt,
    None if there is to be none after such an ending. A task that its agent, or a person, has already
    completed, failed, cancelled or taken back is left alone.
    """
    how = detail or _WORDS.get(ending, ending.value)
    if task.status in (TaskStatus.COMPLETE, TaskStatus.FAILED, TaskStatus.CANCELED):
        return Settlement(Verdict.LEAVE, None, f"{how}; the task was already {task.status}")
    if not task.held_by_run:
        return Settlement(Verdict.LEAVE, None, f"{how}; the task had been taken back meanwhile")
    if ending is Ending.SUCCESS:
        return Settlement(Verdict.COMPLETE, None, how)
    if ending is Ending.CANCELED:
        return Settlement(Verdict.CANCEL, None, how)
    if wait is None:
        return Settlement(Verdict.DEAD_LETTER, None, f"{how}; that is not tried again")
    which = f"attempt {task.attempts} of {task.max_attempts}"
    if task.attempts >= task.max_attempts:
        return Settlement(Verdict.DEAD_LETTER, None, f"{how}; {which}")
    return Settlement(Verdict.RETRY, now + wait if wait else None, f"{how}; {which}")

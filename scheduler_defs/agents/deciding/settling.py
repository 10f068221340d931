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
    WAITING = "waiting_for_human"
    """Its agent has asked something. The answer puts it back to idle."""


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
    IDLE = "idle"
    """The command gave no sign of life for too long, and was ended."""
    RATE_LIMITED = "rate_limited"
    """The agent's provider refuses work for a while."""
    BUDGET = "budget"
    """A budget that the task shares with others is used up."""
    UNREADY = "unready"
    """The agent cannot work, whatever the task: a wrong key, no such program or folder."""
    QUESTION = "question"
    """The agent asks a human, and goes on with the answer."""


class Verdict(StrEnum):
    """What to do with the task."""

    COMPLETE = "complete"
    """It is done."""
    RETRY = "retry"
    """Back to idle; not before the back-off is over."""
    GIVE_BACK = "give_back"
    """Back to idle, and the run counts as no attempt: its end says nothing about the task."""
    ASK = "ask"
    """It waits for a human's answer; no attempt is counted."""
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
    uncounted: int = 0
    """Runs on it, so far, that were no attempts because their worker was lost."""


MOST_LOSSES = 5
"""So many lost workers are no attempts. After that they count: the task itself may be what kills them."""


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
    Ending.IDLE: "it gave no sign of life",
    Ending.RATE_LIMITED: "its provider refuses work for now",
    Ending.BUDGET: "a budget is used up",
    Ending.UNREADY: "the agent cannot work",
    Ending.QUESTION: "it asks",
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
    if ending is Ending.QUESTION:
        return Settlement(Verdict.ASK, None, how)
    if ending in (Ending.RATE_LIMITED, Ending.BUDGET, Ending.UNREADY):
        return Settlement(Verdict.GIVE_BACK, None, f"{how}; that counts as no attempt")
    if ending is Ending.WORKER_LOST and task.uncounted < MOST_LOSSES:
        lost = f"{how}; that counts as no attempt ({task.uncounted + 1} of {MOST_LOSSES})"
        return Settlement(Verdict.GIVE_BACK, now + wait if wait else None, lost)
    if wait is None:
        return Settlement(Verdict.DEAD_LETTER, None, f"{how}; that is not tried again")
    which = f"attempt {task.attempts} of {task.max_attempts}"
    if task.attempts >= task.max_attempts:
        return Settlement(Verdict.DEAD_LETTER, None, f"{how}; {which}")
    return Settlement(Verdict.RETRY, now + wait if wait else None, f"{how}; {which}")

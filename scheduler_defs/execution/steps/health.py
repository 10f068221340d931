"""Whether a step that was sent to a worker is still on its way to an end: one pure function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from scheduler_defs.execution.leases.leases import Lease
from scheduler_defs.execution.steps.progress import QueueSlots, StepProgress

UNTAKEN = timedelta(seconds=15)
"""How long a message may be on its way to a free slot before it counts as lost."""


class Health(Enum):
    """What to make of a running step."""

    FINE = auto()
    """It runs, it waits for a slot, or its end is about to be noticed."""
    UNSERVED = auto()
    """It waits, and no live worker serves its queue."""
    LOST_MESSAGE = auto()
    """A slot has been free for a while and nobody took it: send it again."""
    LOST_WORKER = auto()
    """The worker that had it is gone, and it has not ended."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that was sent: its number, its queue, and when it was (last) sent, in monotonic seconds."""

    number: int
    queue: str
    sent: float


def step_health(
    attempt: Attempt, lease: Lease | None, progress: StepProgress, slots: QueueSlots, now: float
) -> Health:
    """Judge by what was read in this order: progress after the lease, so that an end is never overlooked."""
    if (lease is not None and lease.alive) or progress.is_over(attempt.number):
        return Health.FINE
    if progress.begun or lease is not None:
        return Health.LOST_WORKER
    if slots.workers == 0:
        return Health.UNSERVED
    if slots.free > 0 and now - attempt.sent >= UNTAKEN.total_seconds():
        return Health.LOST_MESSAGE
    return Health.FINE

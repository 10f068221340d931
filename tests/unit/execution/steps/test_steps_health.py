"""What is made of a running step, from its lease, its events and the slots of its queue."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from scheduler_defs.execution.leases.leases import Lease
from scheduler_defs.execution.steps.health import UNTAKEN, Attempt, Health, step_health
from scheduler_defs.execution.steps.progress import QueueSlots, StepProgress

NOW = 1000.0
WAITING = StepProgress(retries=0, begun=False, ended=False)
BEGUN = StepProgress(retries=0, begun=True, ended=False)
OVER = StepProgress(retries=0, begun=True, ended=True)
FREE = QueueSlots(workers=1, free=1)
BUSY = QueueSlots(workers=1, free=0)
NOBODY = QueueSlots(workers=0, free=0)
JUST_SENT = Attempt(1, "steps", NOW - 1)
SENT_LONG_AGO = Attempt(1, "steps", NOW - UNTAKEN.total_seconds())


def lease(*, alive: bool) -> Lease:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return Lease("run", "step", "w", "h", 1, uuid.uuid4(), moment, moment, moment, None if alive else moment)


@pytest.mark.parametrize(
    ("case", "attempt", "held", "progress", "slots", "expected"),
    [
        ("it runs", SENT_LONG_AGO, lease(alive=True), BEGUN, BUSY, Health.FINE),
        ("it has ended", SENT_LONG_AGO, None, OVER, FREE, Health.FINE),
        (
            "it has ended, its lease was not given back",
            JUST_SENT,
            lease(alive=False),
            OVER,
            FREE,
            Health.FINE,
        ),
        (
            "its attempt is over, the next not sent",
            JUST_SENT,
            None,
            StepProgress(1, False, False),
            FREE,
            Health.FINE,
        ),
        ("its lease ran out", JUST_SENT, lease(alive=False), BEGUN, BUSY, Health.LOST_WORKER),
        (
            "its lease ran out before it began",
            JUST_SENT,
            lease(alive=False),
            WAITING,
            BUSY,
            Health.LOST_WORKER,
        ),
        ("it began, and its lease is gone", JUST_SENT, None, BEGUN, FREE, Health.LOST_WORKER),
        ("it waits for a slot", SENT_LONG_AGO, None, WAITING, BUSY, Health.FINE),
        ("it was sent just now", JUST_SENT, None, WAITING, FREE, Health.FINE),
        ("nobody took it", SENT_LONG_AGO, None, WAITING, FREE, Health.LOST_MESSAGE),
        ("nobody serves its queue", JUST_SENT, None, WAITING, NOBODY, Health.UNSERVED),
        (
            "a second attempt waits",
            Attempt(2, "steps", NOW),
            None,
            StepProgress(1, False, False),
            BUSY,
            Health.FINE,
        ),
    ],
)
def test_given_a_step_that_is_out_when_judged_then_it_is_what_it_is(
    case: str,
    attempt: Attempt,
    held: Lease | None,
    progress: StepProgress,
    slots: QueueSlots,
    expected: Health,
) -> None:
    assert step_health(attempt, held, progress, slots, NOW) is expected, case


@pytest.mark.parametrize(
    ("progress", "attempt", "may"),
    [
        (WAITING, 1, True),
        (BEGUN, 1, False),
        (OVER, 1, False),
        (StepProgress(1, False, False), 2, True),
        (StepProgress(1, False, False), 1, False),
        (StepProgress(1, True, False), 2, False),
        (StepProgress(0, False, False), 2, False),
        (StepProgress(1, True, True), 2, False),
    ],
)
def test_given_a_message_when_it_arrives_then_only_the_attempt_whose_turn_it_is_begins(
    progress: StepProgress, attempt: int, may: bool
) -> None:
    assert progress.may_begin(attempt) is may

"""What the end of a run means, and what is done about runs that ended without saying so."""

from __future__ import annotations

import datetime as dt

import pytest

from scheduler_defs.agents.deciding import Ending, Holding, TaskStatus, Verdict, cool_down, settle
from scheduler_defs.agents.deciding.claiming import ClaimRequest, TaskNow, refusal
from scheduler_defs.agents.deciding.healing import NO_RUN_AFTER, Doubtful, Finding, Remedy, RunState, examine
from tests.unit.matching.cases import NOW

MINUTE = dt.timedelta(minutes=1)
OURS = Holding(TaskStatus.WORKING, True, 1, 3)


@pytest.mark.parametrize(
    ("task", "ending", "verdict"),
    [
        (OURS, Ending.SUCCESS, Verdict.COMPLETE),
        (OURS, Ending.EXIT_CODE, Verdict.RETRY),
        (OURS, Ending.TIMEOUT, Verdict.RETRY),
        (OURS, Ending.START_FAILED, Verdict.RETRY),
        (OURS, Ending.WORKER_LOST, Verdict.GIVE_BACK),
        (Holding(TaskStatus.WORKING, True, 1, 3, uncounted=5), Ending.WORKER_LOST, Verdict.RETRY),
        (OURS, Ending.QUESTION, Verdict.ASK),
        (OURS, Ending.CANCELED, Verdict.CANCEL),
        (Holding(TaskStatus.WORKING, True, 3, 3), Ending.EXIT_CODE, Verdict.DEAD_LETTER),
        (Holding(TaskStatus.WORKING, True, 3, 3), Ending.SUCCESS, Verdict.COMPLETE),
        (Holding(TaskStatus.COMPLETE, True, 1, 3), Ending.EXIT_CODE, Verdict.LEAVE),
        (Holding(TaskStatus.FAILED, True, 1, 3), Ending.SUCCESS, Verdict.LEAVE),
        (Holding(TaskStatus.CANCELED, True, 1, 3), Ending.SUCCESS, Verdict.LEAVE),
        (Holding(TaskStatus.IDLE, False, 1, 3), Ending.SUCCESS, Verdict.LEAVE),
        (Holding(TaskStatus.WORKING, False, 1, 3), Ending.SUCCESS, Verdict.LEAVE),
    ],
)
def test_given_an_ending_when_settled_then_the_verdict_follows(
    task: Holding, ending: Ending, verdict: Verdict
) -> None:
    assert settle(task, ending, now=NOW).verdict is verdict


def test_given_a_back_off_when_settled_then_the_task_waits_it_out_and_the_reason_counts_attempts() -> None:
    settlement = settle(OURS, Ending.EXIT_CODE, detail="exit code 3", wait=MINUTE, now=NOW)
    assert settlement.not_before == NOW + MINUTE
    assert settlement.why == "exit code 3; attempt 1 of 3"
    assert settle(OURS, Ending.EXIT_CODE, now=NOW).not_before is None


def test_given_an_ending_that_is_not_tried_again_when_settled_then_it_is_a_dead_letter_at_once() -> None:
    settlement = settle(OURS, Ending.TIMEOUT, wait=None, now=NOW)
    assert (settlement.verdict, settlement.why) == (
        Verdict.DEAD_LETTER,
        "timed out; that is not tried again",
    )


@pytest.mark.parametrize(
    ("doubtful", "finding"),
    [
        (Doubtful(True, False, RunState.UNFINISHED, None, NOW), Finding(Remedy.NOTHING)),
        (Doubtful(True, True, RunState.UNFINISHED, None, NOW), Finding(Remedy.NOTHING)),
        (
            Doubtful(True, False, RunState.FAILED, "worker_lost", NOW),
            Finding(Remedy.SETTLE, Ending.WORKER_LOST),
        ),
        (Doubtful(True, False, RunState.FAILED, None, NOW), Finding(Remedy.SETTLE, Ending.WORKER_LOST)),
        (Doubtful(True, False, RunState.FAILED, "timeout", NOW), Finding(Remedy.SETTLE, Ending.TIMEOUT)),
        (
            Doubtful(True, False, RunState.MISSING, None, NOW),
            Finding(Remedy.SETTLE, Ending.WORKER_LOST, detail="its run was deleted"),
        ),
        (Doubtful(True, False, RunState.CANCELED, None, NOW), Finding(Remedy.SETTLE, Ending.CANCELED)),
        (Doubtful(True, False, RunState.SUCCEEDED, None, NOW), Finding(Remedy.SETTLE, Ending.SUCCESS)),
        (Doubtful(True, True, RunState.FAILED, "worker_lost", NOW), Finding(Remedy.SETTLE)),
        (Doubtful(False, False, RunState.MISSING, None, NOW), Finding(Remedy.NOTHING)),
        (
            Doubtful(False, False, RunState.MISSING, None, NOW - NO_RUN_AFTER - MINUTE),
            Finding(Remedy.RELEASE),
        ),
        (Doubtful(False, False, RunState.CANCELED, None, NOW), Finding(Remedy.CANCEL_TASK)),
        (Doubtful(False, False, RunState.SUCCEEDED, None, NOW), Finding(Remedy.RELEASE)),
        (
            Doubtful(False, False, RunState.FAILED, "error", NOW),
            Finding(Remedy.RELEASE, failed_start=True),
        ),
        (Doubtful(False, False, RunState.FAILED, "worker_lost", NOW), Finding(Remedy.RELEASE)),
    ],
)
def test_given_an_assignment_when_examined_then_the_remedy_follows(
    doubtful: Doubtful, finding: Finding
) -> None:
    assert examine(doubtful, NOW) == finding


def test_given_a_task_as_it_was_requested_when_claimed_then_nothing_is_refused() -> None:
    task = TaskNow(TaskStatus.IDLE, "dev", None, (), None, 0, None)
    request = ClaimRequest("run-1", "vaela", "dev", 3)
    assert refusal(task, request, NOW) is None
    assert refusal(TaskNow(TaskStatus.IDLE, "dev", "vaela", (), None, 2, None), request, NOW) is None
    archived = TaskNow(TaskStatus.IDLE, "dev", None, (), None, 0, None, archived=True)
    assert refusal(archived, request, NOW) == "it is archived"
    worn = TaskNow(TaskStatus.IDLE, "dev", None, (), None, 3, None)
    assert refusal(worn, request, NOW) == "its attempts are used up (3/3)"


def test_given_failed_starts_when_counted_then_the_pause_grows_up_to_its_limit() -> None:
    seconds = [cool_down(count).total_seconds() for count in (0, 2, 3, 4, 5, 9, 100)]
    assert seconds == [0, 0, 30, 60, 120, 600, 600]

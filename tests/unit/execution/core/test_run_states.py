"""A run's state only moves forward."""

import datetime as dt

import dagster as dg
import pytest
from dagster._core.events import EngineEventData, JobFailureData, RunFailureReason
from dagster._core.storage.dagster_run import DagsterRunStatus as Status
from dagster_shared.error import SerializableErrorInfo
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.execution.storage.writes.states import ALLOWED, Move, fold, is_state_change
from tests.unit.execution.core.setting import ORIGIN

Kind = dg.DagsterEventType
CHANGES = {
    Status.QUEUED: Kind.RUN_ENQUEUED,
    Status.STARTING: Kind.RUN_STARTING,
    Status.STARTED: Kind.RUN_START,
    Status.CANCELING: Kind.RUN_CANCELING,
    Status.CANCELED: Kind.RUN_CANCELED,
    Status.FAILURE: Kind.RUN_FAILURE,
    Status.SUCCESS: Kind.RUN_SUCCESS,
}
ENDS = (Status.CANCELED, Status.FAILURE, Status.SUCCESS)


def _event(kind: dg.DagsterEventType, data: object = None) -> dg.DagsterEvent:
    if kind is Kind.ENGINE_EVENT:
        data = EngineEventData()
    return dg.DagsterEvent(event_type_value=kind.value, job_name="line", event_specific_data=data)  # type: ignore[arg-type]


def _fold(status: Status, *kinds: dg.DagsterEventType, worker: str | None = None) -> Move | None:
    run = dg.DagsterRun(job_name="line", status=status, remote_job_origin=ORIGIN)
    return fold(run, status, [(_event(kind), 100.0 + at) for at, kind in enumerate(kinds)], worker)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", CHANGES.values())
def test_given_an_ended_run_when_anything_is_reported_then_it_stays_as_it_ended(
    end: Status, kind: dg.DagsterEventType
) -> None:
    assert _fold(end, kind) is None


@pytest.mark.parametrize("kind", [Kind.RUN_ENQUEUED, Kind.RUN_STARTING, Kind.RUN_START])
def test_given_a_run_that_is_being_cancelled_when_a_start_arrives_late_then_it_stays_cancelled(
    kind: dg.DagsterEventType,
) -> None:
    assert _fold(Status.CANCELING, kind) is None


def test_given_a_run_that_has_begun_when_its_launch_is_reported_late_then_nothing_changes() -> None:
    assert _fold(Status.STARTED, Kind.RUN_STARTING) is None


def test_given_start_and_end_together_then_one_move_has_both_times_and_the_worker() -> None:
    move = _fold(Status.STARTED, Kind.RUN_START, Kind.ENGINE_EVENT, Kind.RUN_SUCCESS, worker="w@h:1:2")
    assert move == Move(Status.SUCCESS, {"signalbox/worker": "w@h:1:2"}, start_time=100.0, end_time=102.0)


@given(st.sampled_from(Status), st.lists(st.sampled_from(list(CHANGES.values())), max_size=6))
def test_folding_together_is_folding_one_by_one(start: Status, kinds: list[dg.DagsterEventType]) -> None:
    status = start
    for kind in kinds:
        move = _fold(status, kind)
        if move is not None:
            assert status in ALLOWED[move.status]
            status = move.status
    together = _fold(start, *kinds)
    assert (together.status if together else start) == status


def test_given_a_failure_then_its_reason_and_its_retry_go_in_with_it() -> None:
    tags = {"signalbox/retries": '{"max_attempts": 2, "backoff": "fixed", "base": "PT30S"}'}
    run = dg.DagsterRun(job_name="line", tags=tags)
    cause = SerializableErrorInfo("ValueError: red\n", [], "ValueError")
    error = SerializableErrorInfo("RuntimeError: at danger\n", [], "RuntimeError", cause=cause)
    event = _event(Kind.RUN_FAILURE, JobFailureData(error, RunFailureReason.RUN_EXCEPTION))
    at = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    move = fold(run, Status.STARTED, [(event, at.timestamp())], None)
    assert move is not None
    assert move.tags == {
        "signalbox/failure": "error",
        "signalbox/error": "ValueError: red",
        "signalbox/retry_at": "2026-03-01T12:00:30.000+00:00",
        "dagster/failure_reason": "RUN_EXCEPTION",
    }


def test_given_a_reason_that_is_there_already_then_it_stays() -> None:
    run = dg.DagsterRun(job_name="line", tags={"signalbox/failure": "timeout"})
    move = fold(run, Status.STARTED, [(_event(Kind.RUN_FAILURE), 1.0)], None)
    assert move is not None
    assert "signalbox/failure" not in move.tags


def test_given_an_interrupt_that_nobody_asked_for_then_the_worker_was_lost() -> None:
    event = _event(Kind.RUN_FAILURE, JobFailureData(None, RunFailureReason.UNEXPECTED_TERMINATION))
    move = fold(dg.DagsterRun(job_name="line"), Status.STARTED, [(event, 1.0)], None)
    assert move is not None
    assert move.tags["signalbox/failure"] == "worker_lost"


def test_only_run_events_change_states() -> None:
    assert is_state_change(_event(Kind.RUN_SUCCESS))
    assert not is_state_change(_event(Kind.ENGINE_EVENT))
    assert not is_state_change(None)

"""A step's progress and a queue's slots as read from Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.steps.progress import QueueSlots, StepProgress, queue_slots, step_progress
from tests.unit.execution.dequeue.setting import add_lease, add_worker, queue_instance


@pytest.fixture
def connection(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Connection]:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", postgres_url)
    with queue_instance(tmp_path, postgres_url) as instance:
        assert instance.event_log_storage.get_logs_for_run("none") == []  # makes the tables
        with database.engine(postgres_url).connect() as connection:
            yield connection


EVENT = sa.text(
    """
    INSERT INTO event_logs (run_id, event, dagster_event_type, step_key, timestamp)
    VALUES (:run_id, '', :kind, 'step', now())
    """
)


def log(connection: sa.Connection, *kinds: str) -> StepProgress:
    for kind in kinds:
        connection.execute(EVENT, {"run_id": "run", "kind": kind})
    connection.execute(EVENT, {"run_id": "another", "kind": "STEP_START"})
    return step_progress(connection, "run", "step")


def test_given_no_events_when_read_then_the_first_attempt_waits(connection: sa.Connection) -> None:
    assert log(connection) == StepProgress(0, begun=False, ended=False)


def test_given_a_start_when_read_then_the_attempt_has_begun(connection: sa.Connection) -> None:
    assert log(connection, "STEP_START") == StepProgress(0, begun=True, ended=False)


def test_given_a_failed_attempt_when_read_then_the_next_one_waits(connection: sa.Connection) -> None:
    assert log(connection, "STEP_START", "STEP_UP_FOR_RETRY") == StepProgress(1, begun=False, ended=False)


def test_given_an_attempt_that_never_began_when_it_was_given_up_then_the_next_one_waits(
    connection: sa.Connection,
) -> None:
    assert log(connection, "STEP_UP_FOR_RETRY") == StepProgress(1, begun=False, ended=False)


@pytest.mark.parametrize("end", ["STEP_SUCCESS", "STEP_FAILURE"])
def test_given_an_end_when_read_then_the_step_is_over(connection: sa.Connection, end: str) -> None:
    events = ("STEP_START", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", end)
    assert log(connection, *events) == StepProgress(1, begun=True, ended=True)


def test_given_workers_and_leases_when_counting_slots_then_held_and_silent_ones_are_not_free(
    connection: sa.Connection, postgres_url: str
) -> None:
    add_worker(postgres_url, "one", ["steps", "gpu"], 3)
    add_worker(postgres_url, "silent", ["steps"], 3)
    add_worker(postgres_url, "other", ["runs"], 3)
    add_lease(postgres_url, "run", "one")
    with database.engine(postgres_url).begin() as writing:
        writing.execute(
            sa.text("UPDATE signalbox.workers SET heartbeat = now() - interval '1 hour' WHERE id = 'silent'")
        )
    silence = timedelta(seconds=10)
    assert queue_slots(connection, "steps", silence) == QueueSlots(workers=1, free=2)
    assert queue_slots(connection, "nobody", silence) == QueueSlots(workers=0, free=0)

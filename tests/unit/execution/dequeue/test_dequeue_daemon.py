"""The queue daemon against a real Postgres: what it launches, what it leaves, what it puts back."""

from __future__ import annotations

import threading
from typing import Any, cast

import dagster as dg
import pytest
import sqlalchemy as sa
from amqp.exceptions import AccessRefused
from kombu.exceptions import OperationalError
from redis.exceptions import AuthenticationError

from scheduler_defs import database, tags
from scheduler_defs.execution.queue.iteration import UNTAKEN
from scheduler_defs.execution.queue.launch import claim, put_back
from tests.patience import wait_until
from tests.unit.execution.dequeue.setting import (
    Queue,
    add_lease,
    add_worker,
    give_lease_back,
    submit,
)


def test_given_two_slots_when_three_runs_are_queued_then_two_go_out_in_order(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 2)
    first, urgent, third = (
        submit(queue.instance),
        submit(queue.instance, dagster__priority="1"),
        submit(queue.instance),
    )
    assert sorted(queue.iterate()) == sorted([first, urgent])
    assert [queue.status(run) for run in (first, urgent, third)] == ["STARTING", "STARTING", "QUEUED"]


def test_given_a_launched_run_when_dagster_looks_then_it_has_the_event_and_launch_time_of_a_start(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run_id = submit(queue.instance)
    queue.iterate()
    stats = queue.instance.get_run_stats(run_id)
    assert isinstance(stats.launch_time, float)


def test_given_no_worker_for_a_queue_when_iterating_then_its_runs_stay_queued(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run_id = submit(queue.instance, **{tags.CELERY_QUEUE: "gpu"})
    assert queue.iterate() == []
    assert queue.status(run_id) == "QUEUED"


def test_given_a_silent_or_draining_worker_when_iterating_then_it_has_no_slots(queue: Queue) -> None:
    add_worker(queue.url, "silent", ["runs"], 1)
    add_worker(queue.url, "draining", ["runs"], 1)
    with database.engine(queue.url).begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE signalbox.workers SET heartbeat = now() - interval '1 minute' WHERE id = 'silent'"
            )
        )
        connection.execute(sa.text("UPDATE signalbox.workers SET draining = true WHERE id = 'draining'"))
    submit(queue.instance)
    assert queue.iterate() == []


def test_given_a_declared_limit_when_it_is_full_then_the_run_waits_until_the_other_has_ended(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 4)
    first, second, other = (submit(queue.instance, team=team) for team in ("a", "a", "b"))
    assert set(queue.iterate()) == {first, other}
    queue.instance.report_run_failed(cast("Any", queue.instance.get_run_by_id(first)))
    assert queue.iterate() == [second]


def test_given_a_run_that_ended_when_its_lease_still_lives_then_its_slot_is_not_free(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    first, second = submit(queue.instance), submit(queue.instance)
    assert queue.iterate() == [first]
    add_lease(queue.url, first, "w")
    queue.instance.report_run_failed(cast("Any", queue.instance.get_run_by_id(first)))
    assert queue.iterate() == []
    give_lease_back(queue.url, first)
    assert queue.iterate() == [second]


def test_given_a_started_run_whose_lease_is_gone_when_iterating_then_it_takes_no_live_slot(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    lost, second = submit(queue.instance), submit(queue.instance)
    assert queue.iterate() == [lost]
    queue.instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "_nothing"), lost
    )
    assert queue.iterate() == [second]


def test_given_a_run_that_no_worker_takes_when_the_time_is_up_then_it_goes_back_and_out_again(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run_id = submit(queue.instance)
    assert queue.iterate() == [run_id]
    assert queue.iterate() == []
    queue.let_time_pass(run_id, UNTAKEN.total_seconds())
    assert queue.iterate() == []
    assert queue.status(run_id) == "QUEUED"
    assert queue.iterate() == [run_id]


def test_given_a_run_that_a_worker_holds_when_the_time_is_up_then_it_stays_out(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run_id = submit(queue.instance)
    queue.iterate()
    add_lease(queue.url, run_id, "w")
    queue.let_time_pass(run_id, UNTAKEN.total_seconds())
    queue.iterate()
    assert queue.status(run_id) == "STARTING"
    assert not put_back(queue.instance, run_id, "test")


@pytest.mark.case("production-PR-08")
@pytest.mark.parametrize(
    "error",
    [
        OperationalError("broker away"),
        ConnectionRefusedError("no broker"),
        AccessRefused("Login was refused"),
        AuthenticationError("invalid username-password pair"),
    ],
)
def test_given_a_broker_that_is_away_when_launching_then_the_run_is_queued_again_and_launches_pause(
    queue: Queue, error: Exception
) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run_id = submit(queue.instance)
    queue.launcher.error = error
    queue.iterate()
    assert queue.status(run_id) == "QUEUED"
    queue.launcher.error = None
    assert queue.iterate() == []
    queue.daemon._hold_until = 0
    assert queue.iterate() == [run_id]


def test_given_a_run_that_cannot_be_launched_when_launching_then_it_fails_with_the_error(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run_id = submit(queue.instance)
    queue.launcher.error = ValueError("no such queue")
    queue.iterate()
    assert queue.status(run_id) == "FAILURE"
    messages = [
        log.dagster_event.engine_event_data.error
        for log in queue.instance.all_logs(run_id)
        if log.dagster_event and log.dagster_event.is_engine_event
    ]
    assert any(error and "no such queue" in error.message for error in messages)


def test_given_a_queued_run_when_cancelled_then_it_is_cancelled_and_never_claimed(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run_id = submit(queue.instance)
    assert queue.instance.run_coordinator.cancel_run(run_id)
    assert queue.status(run_id) == "CANCELED"
    assert queue.iterate() == []


def test_given_many_claims_and_cancels_at_once_when_they_race_then_each_run_goes_one_way(
    queue: Queue,
) -> None:
    run_ids = [submit(queue.instance) for _ in range(20)]
    claimed: list[str] = []
    cancelled: list[str] = []
    start = threading.Barrier(2)

    def claims() -> None:
        start.wait()
        with (
            database.engine(queue.url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection
        ):
            for run_id in run_ids:
                claimed.extend(run.run_id for run in claim(queue.instance, connection, [run_id]))

    def cancels() -> None:
        start.wait()
        cancelled.extend(run_id for run_id in run_ids if queue.instance.run_coordinator.cancel_run(run_id))

    threads = [threading.Thread(target=claims), threading.Thread(target=cancels)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed + cancelled) == sorted(run_ids)
    assert set(claimed).isdisjoint(cancelled)


def test_given_tags_that_change_while_queued_when_iterating_then_the_new_ones_count(queue: Queue) -> None:
    run_id = submit(queue.instance)
    assert queue.iterate() == []
    queue.instance.add_run_tags(run_id, {tags.CELERY_QUEUE: "gpu"})
    add_worker(queue.url, "w", ["gpu"], 1)
    assert queue.iterate() == [run_id]


def test_given_a_loop_that_waits_when_a_run_is_queued_then_it_goes_out_at_once(queue: Queue) -> None:
    queue.daemon.interval_seconds = 30
    add_worker(queue.url, "w", ["runs"], 1)
    stop = threading.Event()
    loop = threading.Thread(target=lambda: list(queue.daemon.core_loop(queue.context, stop)))
    loop.start()
    try:
        wait_until(lambda: queue.daemon._reader is not None)
        first = submit(queue.instance)
        assert wait_until(lambda: queue.launcher.launched == [first]) <= 5
        add_lease(queue.url, first, "w")
        queue.instance.report_run_failed(cast("Any", queue.instance.get_run_by_id(first)))
        second = submit(queue.instance)
        give_lease_back(queue.url, first)
        assert wait_until(lambda: queue.launcher.launched == [first, second]) <= 5
        third = submit(queue.instance)
        add_worker(queue.url, "another", ["runs"], 1)
        assert wait_until(lambda: queue.launcher.launched == [first, second, third]) <= 5
    finally:
        stop.set()
        submit(queue.instance)
        loop.join(timeout=5)
    assert not loop.is_alive()


def test_given_nothing_that_waits_or_is_out_then_the_loop_looks_less_often(queue: Queue) -> None:
    queue.iterate()
    assert queue.daemon._idle
    run_id = submit(queue.instance)
    queue.iterate()
    assert not queue.daemon._idle
    add_worker(queue.url, "w", ["runs"], 1)
    assert queue.iterate() == [run_id]
    queue.iterate()
    assert not queue.daemon._idle  # it is out

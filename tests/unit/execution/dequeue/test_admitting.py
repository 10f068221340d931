"""Runs on their way into the queue and out of it: none is left lying, none goes out half known."""

from __future__ import annotations

import logging
from typing import Any, cast

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._daemon.monitoring.run_monitoring import monitor_starting_run

from scheduler_defs import database, tags
from scheduler_defs.execution.admission.completing import missing
from scheduler_defs.execution.queue.admitting import ABANDONED_SECONDS
from scheduler_defs.execution.queue.launch import claim
from tests.unit.execution.core.setting import ORIGIN
from tests.unit.execution.dequeue.setting import Queue, add_worker, submit


@pytest.mark.case("recovery-X-enqueue")
@pytest.mark.case("recovery-B04")
def test_given_a_run_that_was_created_and_never_queued_then_the_next_pass_queues_it(queue: Queue) -> None:
    run_id = submit(queue.instance)
    unqueue(queue, run_id, ABANDONED_SECONDS + 1)
    add_worker(queue.url, "w", ["runs"], 1)
    assert queue.iterate() == [run_id]


def test_given_a_run_that_is_about_to_be_queued_then_it_is_left_to_who_made_it(queue: Queue) -> None:
    run_id = submit(queue.instance)
    unqueue(queue, run_id, 0)
    add_worker(queue.url, "w", ["runs"], 1)
    assert queue.iterate() == []
    assert queue.status(run_id) == "NOT_STARTED"


def test_given_a_run_that_is_executed_where_it_was_made_then_nobody_queues_it(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 1)
    run = dg.DagsterRun(job_name="mine", status=dg.DagsterRunStatus.NOT_STARTED)
    queue.instance.add_run(run)
    unqueue(queue, run.run_id, ABANDONED_SECONDS + 1)
    assert queue.iterate() == []
    assert queue.status(run.run_id) == "NOT_STARTED"


def test_given_a_run_from_before_admission_when_it_is_queued_then_it_is_completed(queue: Queue) -> None:
    run = dg.DagsterRun(job_name="old", status=dg.DagsterRunStatus.NOT_STARTED, remote_job_origin=ORIGIN)
    queue.instance.add_run(run)
    assert missing(run.tags)
    queue.instance.run_coordinator.submit_run(SubmitRunContext(run, workspace=cast("Any", None)))
    stored = queue.instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert not missing(stored.tags)
    assert stored.tags[tags.JOB] == "old"
    assert stored.status is dg.DagsterRunStatus.QUEUED


@pytest.mark.case("attack-X-starting-race")
def test_given_a_run_that_was_just_claimed_when_monitoring_looks_then_it_has_a_launch_time(
    queue: Queue,
) -> None:
    run_id = submit(queue.instance)
    with database.engine(queue.url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert [run.run_id for run in claim(queue.instance, connection, [run_id])] == [run_id]
    (record,) = queue.instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
    assert record.dagster_run.status is dg.DagsterRunStatus.STARTING
    monitor_starting_run(queue.instance, record, logging.getLogger())


@pytest.mark.case("dagster-X-requeue")
def test_given_a_starting_run_whose_location_is_away_when_it_is_put_back_then_it_is_queued_and_started(
    queue: Queue,
) -> None:
    run_id = submit(queue.instance)
    add_worker(queue.url, "w", ["runs"], 1)
    assert queue.iterate() == [run_id]
    run = queue.instance.get_run_by_id(run_id)
    assert run is not None
    # As Dagster's own dequeuing does when the code server cannot be reached.
    queue.instance.report_dagster_event(dg.DagsterEvent.job_enqueue(run), run_id=run_id)
    assert queue.status(run_id) == "QUEUED"
    assert queue.iterate() == [run_id]


def unqueue(queue: Queue, run_id: str, seconds_ago: float) -> None:
    """As if whoever made it had died before queueing it."""
    with database.engine(queue.url).begin() as connection:
        connection.execute(
            sa.text(
                """
                UPDATE runs SET status = 'NOT_STARTED',
                    create_timestamp = (now() AT TIME ZONE 'UTC') - make_interval(secs => :seconds)
                WHERE run_id = :run_id
                """
            ),
            {"run_id": run_id, "seconds": seconds_ago},
        )
        queue.daemon._look_around_at = 0.0

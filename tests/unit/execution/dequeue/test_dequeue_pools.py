"""Dagster's pools hold runs back in the queue as they do under Dagster's own daemon."""

from __future__ import annotations

from typing import Any, cast

import dagster as dg

from tests.unit.execution.dequeue.setting import Queue, add_worker, submit_job


@dg.op(pool="database")
def uses_the_database() -> None:
    pass


@dg.job
def pooled() -> None:
    uses_the_database()


@dg.job
def unpooled() -> None:
    pass


def test_given_a_pool_of_one_when_two_runs_need_it_then_the_second_waits_and_others_pass(
    queue: Queue,
) -> None:
    queue.instance.event_log_storage.set_concurrency_slots("database", 1)
    add_worker(queue.url, "w", ["runs"], 5)
    first, second = submit_job(queue.instance, pooled), submit_job(queue.instance, pooled)
    other = submit_job(queue.instance, unpooled)
    assert set(queue.iterate()) == {first, other}
    assert queue.status(second) == "QUEUED"
    queue.instance.report_run_failed(cast("Any", queue.instance.get_run_by_id(first)))
    assert queue.iterate() == [second]

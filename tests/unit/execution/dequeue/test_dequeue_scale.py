"""Thousands of blocked runs cost the loop little, and do not stand in the way of one that may go."""

from __future__ import annotations

import sqlalchemy as sa

from scheduler_defs import database
from tests.unit.execution.dequeue.setting import Queue, add_worker, copy_run, submit


def test_given_five_thousand_blocked_runs_when_a_free_one_comes_then_the_next_pass_starts_it(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 2)
    marks = {f"mark{n}": "x" for n in range(8)}
    running, blocked = (submit(queue.instance, team="a", **marks) for _ in range(2))
    assert queue.iterate() == [running]
    copy_run(queue.url, blocked, 5000)
    for _ in range(3):
        free = submit(queue.instance, team="b")
        assert queue.iterate() == [free]
        with database.engine(queue.url).begin() as connection:
            connection.execute(sa.text("DELETE FROM runs WHERE run_id = :id"), {"id": free})

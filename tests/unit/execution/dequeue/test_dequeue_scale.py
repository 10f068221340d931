"""Thousands of blocked runs cost the loop little, and do not stand in the way of one that may go."""

from __future__ import annotations

import sqlalchemy as sa

from scheduler_defs import database
from tests.unit.execution.dequeue.setting import Queue, add_worker, submit

COPIES = sa.text(
    """
    INSERT INTO runs
        (run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp)
    SELECT run_id || '-' || n, snapshot_id, pipeline_name, status,
        replace(run_body, run_id, run_id || '-' || n), create_timestamp, update_timestamp
    FROM runs, generate_series(1, :number) AS n WHERE run_id = :run_id
    """
)
TAGS = sa.text(
    """
    INSERT INTO run_tags (run_id, key, value)
    SELECT :run_id || '-' || n, key, value FROM run_tags, generate_series(1, :number) AS n
    WHERE run_id = :run_id
    """
)


def test_given_five_thousand_blocked_runs_when_a_free_one_comes_then_the_next_pass_starts_it(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 2)
    marks = {f"mark{n}": "x" for n in range(8)}
    running, blocked = (submit(queue.instance, team="a", **marks) for _ in range(2))
    assert queue.iterate() == [running]
    with database.engine(queue.url).begin() as connection:
        for statement in (COPIES, TAGS):
            connection.execute(statement, {"run_id": blocked, "number": 5000})
    for _ in range(3):
        free = submit(queue.instance, team="b")
        assert queue.iterate() == [free]
        with database.engine(queue.url).begin() as connection:
            connection.execute(sa.text("DELETE FROM runs WHERE run_id = :id"), {"id": free})

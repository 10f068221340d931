"""Thousands of blocked runs cost the loop little, and do not stand in the way of one that may go."""

from __future__ import annotations

import time

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


def test_given_five_thousand_blocked_runs_when_a_free_one_comes_then_a_pass_takes_under_a_second(
    queue: Queue,
) -> None:
    add_worker(queue.url, "w", ["runs"], 2)
    marks = {f"mark{n}": "x" for n in range(8)}
    running, blocked = (submit(queue.instance, team="a", **marks) for _ in range(2))
    assert queue.iterate() == [running]
    with database.engine(queue.url).begin() as connection:
        for statement in (COPIES, TAGS):
            connection.execute(statement, {"run_id": blocked, "number": 5000})
    seconds = []
    for _ in range(3):
        free = submit(queue.instance, team="b")
        started = time.perf_counter()
        assert queue.iterate() == [free]
        seconds.append(time.perf_counter() - started)
        with database.engine(queue.url).begin() as connection:
            connection.execute(sa.text("DELETE FROM runs WHERE run_id = :id"), {"id": free})
    assert max(seconds) < 1, seconds
    print(f"first pass over 5,000 queued runs {seconds[0]:.3f} s, later ones {seconds[2]:.3f} s")

"""What is remembered of the queue equals the queue, whatever happens to it between two looks."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.execution.queue.choice.memory import WaitingRuns
from scheduler_defs.execution.queue.launch import cancel_queued, claim, put_back
from tests.unit.execution.dequeue.setting import Queue, submit

KEYS = frozenset({tags.PRIORITY, "team"})


@pytest.mark.parametrize("seed", range(3))
def test_given_changes_of_all_kinds_when_looking_then_memory_and_queue_are_the_same(
    queue: Queue, seed: int
) -> None:
    chance = random.Random(seed)
    engine = database.engine(queue.url).execution_options(isolation_level="AUTOCOMMIT")
    remembering = WaitingRuns(KEYS)
    launched: list[str] = []
    with engine.connect() as connection:

        def waiting() -> list[str]:
            return [
                row.run_id
                for row in connection.execute(sa.text("SELECT run_id FROM runs WHERE status = 'QUEUED'"))
            ]

        for _ in range(60):
            for _ in range(chance.choice([0, 1, 1, 2])):
                what = chance.choice(
                    ["submit", "submit", "cancel", "claim", "claim elsewhere", "put back", "tag"]
                )
                there = waiting()
                if what == "submit":
                    submit(
                        queue.instance, team=chance.choice("ab"), dagster__priority=str(chance.randint(0, 3))
                    )
                elif what == "put back" and launched:
                    put_back(queue.instance, launched.pop(), "test")
                elif there:
                    run_id = chance.choice(there)
                    if what == "cancel":
                        cancel_queued(queue.instance, run_id)
                    elif what.startswith("claim"):
                        claim(queue.instance, connection, [run_id])
                        launched.append(run_id)
                        if what == "claim":
                            remembering.forget([run_id])
                    elif what == "tag":
                        queue.instance.add_run_tags(run_id, {"team": chance.choice("cd"), "other": "x"})
            afresh = WaitingRuns(KEYS).look(connection)
            assert {run.run_id: run for run in remembering.look(connection)} == {
                run.run_id: run for run in afresh
            }


def test_given_tags_that_do_not_matter_when_reading_then_they_are_not_read(queue: Queue) -> None:
    submit(queue.instance, team="a", color="red", dagster__priority="2")
    with database.engine(queue.url).connect() as connection:
        (run,) = WaitingRuns(KEYS).look(connection)
    assert run.tags == {"team": "a", tags.PRIORITY: "2"}
    assert run.priority == 2
    assert run.kind == {("team", "a")}

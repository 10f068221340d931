"""Work for a yard: at least forty runs in progress, and tasks with blockers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from resources.task_queue.new_task import NewTask
from resources.task_queue.postgres import PostgresTaskQueue
from scheduler_defs import launching
from scheduler_defs.declarations import load
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import launch
from tests.chaos.yard import Yard
from tests.integration.running_stack import until

AT_LEAST = 40
# The long ones and those of several steps first: they are under way when the fault comes.
JOBS = ("long",) * 3 + ("diamond",) * 3 + ("keeper",) * 3 + ("flaky",) * 3
JOBS += ("failing",) * 2 + ("hopeless",) * 2 + ("long",) + ("short",) * 29

IN_PROGRESS = sa.text("SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')")


def put_to_work(yard: Yard) -> int:
    """Launch runs of every job and add tasks, until some work and many wait; how many are in progress."""
    before = len(_begun(yard))
    _add_tasks(yard)
    declared = load(yard.stack.config).declarations
    client = GraphQLClient(yard.stack.ui)

    def one(job: str) -> None:
        order = launching.for_job(declared, job)
        launch(client, order.job, order.run_config, order.tags)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one, JOBS))
    until(lambda: len(_begun(yard)) >= before + 3, "the first commands")
    with yard.database() as connection:
        found = connection.execute(IN_PROGRESS).scalar_one()
    assert found >= AT_LEAST, f"only {found} runs in progress"
    return found


def _begun(yard: Yard) -> list[Path]:
    return list(yard.marks.glob("*.jsonl"))


def _add_tasks(yard: Yard) -> None:
    """Two chains that meet, some tasks beside them, and one that can only fail."""
    chain = [_task(f"a{n}", key=n, blocked_by=(n - 1,) if n else ()) for n in range(4)]
    other = [_task("b", key=10), _task("c", key=11, blocked_by=(10, 3))]
    single = [_task(f"d{n}") for n in range(4)]
    engine = sa.create_engine(yard.stack.postgres_url, poolclass=sa.NullPool)
    PostgresTaskQueue(engine).add([*chain, *other, *single, _task("e", queue="lost")])


def _task(title: str, **fields: Any) -> NewTask:
    return NewTask.model_validate({"title": title, "queue": "chaos", **fields})

"""Work for a yard: forty runs in progress and tasks with blockers, or a handful."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs import launching
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.declarations import load as declarations
from scheduler_defs.errors import SignalboxError
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import launch
from scheduler_defs.graphql.schedules import instance_jobs
from tests.chaos.yard import Yard
from tests.integration.running_stack import until

# The long ones and those of several steps first: they are under way when the fault comes.
JOBS = ("long",) * 3 + ("diamond",) * 3 + ("keeper",) * 3 + ("flaky",) * 3
JOBS += ("failing",) * 2 + ("hopeless",) * 2 + ("long",) + ("short",) * 29

IN_PROGRESS = sa.text("SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')")


@dataclass(frozen=True)
class Load:
    """Runs to launch, tasks to add, and how much of it is there when a fault comes.

    `begun`: so many commands have begun; `at_least`: so many runs are in progress.
    """

    jobs: Sequence[str]
    tasks: Sequence[NewTask]
    begun: int
    at_least: int


def task(title: str, **fields: Any) -> NewTask:
    """A task of the yard's agents."""
    return NewTask.model_validate({"title": title, "queue": "chaos", **fields})


FULL = Load(
    JOBS,
    (
        # Two chains that meet, some tasks beside them, and one that can only fail.
        *(task(f"a{n}", key=n, blocked_by=(n - 1,) if n else ()) for n in range(4)),
        task("b", key=10),
        task("c", key=11, blocked_by=(10, 3)),
        *(task(f"d{n}") for n in range(4)),
        task("e", queue="lost"),
    ),
    begun=3,
    at_least=40,
)
SMALL = Load(
    ("long", "long", "diamond", "flaky", "short", "short", "short", "hopeless"), (), begun=2, at_least=3
)
"""Runs of every kind, soon done."""
SMALL_WITH_TASKS = replace(SMALL, tasks=(task("a", key=0), task("b", key=1, blocked_by=(0,)), task("c")))


def put_to_work(yard: Yard, load: Load = FULL) -> int:
    """Launch runs and add tasks, until some work and others wait; how many runs are in progress."""
    client = GraphQLClient(yard.stack.ui)
    until(lambda: _is_served(client), "the code location served")
    before = len(_begun(yard))
    if load.tasks:
        engine = sa.create_engine(yard.stack.postgres_url, poolclass=sa.NullPool)
        PostgresTaskQueue(engine).add(load.tasks)
    declared = declarations(yard.stack.config).declarations

    def one(job: str) -> None:
        order = launching.for_job(declared, job)
        launch(client, order.job, order.run_config, order.tags)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one, load.jobs))
    until(lambda: len(_begun(yard)) >= before + load.begun, "the first commands")
    with yard.database() as connection:
        found = connection.execute(IN_PROGRESS).scalar_one()
    assert found >= load.at_least, f"only {found} runs in progress"
    return found


def _is_served(client: GraphQLClient) -> bool:
    try:
        return set(FULL.jobs) <= instance_jobs(client)
    except SignalboxError:
        return False


def _begun(yard: Yard) -> list[Path]:
    return list(yard.marks.glob("*.jsonl"))

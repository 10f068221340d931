"""One task queue after the other, each empty: what the conformance suite runs on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.agents.task_queue import opening
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue
from tests.standins.tinytask import TinyTaskServer


@pytest.fixture(scope="session")
def queue_engine(postgres_server: str) -> Iterator[sa.Engine]:
    """One migrated database for all tests of this folder: creating one takes longer than most of them."""
    name = f"queues{uuid.uuid4().hex[:8]}"
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    url = sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    engine = database.engine(url)
    database.upgrade(engine)
    yield engine
    engine.dispose()
    admin.dispose()


@pytest.fixture
def postgres_queue(queue_engine: sa.Engine) -> PostgresTaskQueue:
    """An empty task queue in Postgres, ids from 1."""
    with queue_engine.begin() as connection:
        tables = "tasks, task_changes, assignments, agent_states, quota_pools, inbox, agent_turns"
        tables += ", workspaces, landings, agent_sessions, task_requests, task_files"
        named = ", ".join(f"signalbox.{table}" for table in tables.split(", "))
        connection.execute(sa.text(f"TRUNCATE {named} RESTART IDENTITY CASCADE"))
    return PostgresTaskQueue(queue_engine)


@pytest.fixture
def tinytask_server() -> Iterator[TinyTaskServer]:
    with TinyTaskServer() as server:
        yield server


@pytest.fixture
def tinytask_queue(tinytask_server: TinyTaskServer) -> Iterator[TinyTaskQueue]:
    queue = TinyTaskQueue(tinytask_server.url, timeout_seconds=2.0)
    yield queue
    queue.close()


@pytest.fixture(params=["postgres", "tinytask"])
def queue(request: pytest.FixtureRequest) -> TaskQueue:
    """Both implementations of the protocol."""
    return request.getfixturevalue(f"{request.param}_queue")


def close_task_queues() -> None:
    """Close what this process has opened."""
    while opening._opened:
        opening._opened.popitem()[1].close()

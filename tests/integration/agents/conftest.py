"""Agents of their own in the shared stack, served by sensors like any others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scheduler_defs import database
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from tests.integration.agents.agents_at_work import AGENTS, AtWork, sensor_names
from tests.integration.running_stack import Stack, until


@pytest.fixture(scope="package")
def at_work(stack: Stack) -> Iterator[AtWork]:
    """The stack with the agents of `AGENTS`; both are as before afterwards."""
    path = stack.config / "added_agents.yaml"
    path.write_text(AGENTS)
    until(lambda: {"agent_queue_noop", "agent_queue_slow"} <= sensor_names(stack), "the agents' sensors")
    engine = database.engine(stack.postgres_url)
    yield AtWork(stack, engine, PostgresTaskQueue(engine))
    engine.dispose()
    path.unlink()
    until(lambda: "agent_queue_noop" not in sensor_names(stack), "the agents' sensors gone")

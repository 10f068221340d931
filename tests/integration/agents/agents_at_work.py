"""Agents that do nothing, quickly or slowly, and how tests look at what they do."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import psutil
import sqlalchemy as sa

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import Task, TaskQuery
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from tests.integration.running_stack import Stack, until

AGENTS = """
agents:
  noop-1: {queue: noop, limit: 1, command: ["true"]}
  slow-1: {queue: slow, limit: 1, command: [sleep, "60"], grace: 2s}
  steady-1: {queue: steady, limit: 1, command: [sleep, "3"], retries: {max_attempts: 3, backoff: none}}
  paused-1: {queue: noop, limit: 1, command: ["true"], enabled: off}
"""


@dataclass(frozen=True)
class AtWork:
    """The running stack and its task queue."""

    stack: Stack
    engine: sa.Engine
    queue: PostgresTaskQueue

    def add(self, queue: str, count: int = 1, *, chained: bool = False, **fields: Any) -> list[int]:
        """Tasks for a queue; chained ones each wait for the one before."""
        return self.queue.add(
            [
                NewTask(
                    title=f"task {n}",
                    queue=queue,
                    key=n,
                    blocked_by=(n - 1,) if chained and n else (),
                    **fields,
                )
                for n in range(count)
            ]
        )

    def tasks(self, ids: list[int]) -> list[Task]:
        return self.queue.find(TaskQuery(ids=tuple(ids), limit=None))

    def wait(self, ids: list[int], *statuses: TaskStatus, seconds: float = 60) -> list[Task]:
        """Until all the tasks have one of the statuses."""
        until(
            lambda: all(task.status in statuses for task in self.tasks(ids)),
            f"tasks to be {', '.join(statuses)}",
            seconds,
        )
        return self.tasks(ids)

    def graphql(self, query: str) -> Any:
        from scheduler_defs.stack.health.checks import graphql

        return graphql(self.stack.ui, query)

    def last_tick(self, queue: str) -> dict[str, Any]:
        """`{status, skipReason, error: {message}}` of the newest tick of the queue's sensor; empty: none yet."""
        query = (
            '{ sensorOrError(sensorSelector: {repositoryName: "__repository__",'
            f' repositoryLocationName: "signalbox", sensorName: "agent_queue_{queue}"}})'
            " { ... on Sensor { sensorState { ticks(limit: 1) { status skipReason error { message } } } } } }"
        )
        ticks = self.graphql(query)["sensorOrError"]["sensorState"]["ticks"]
        return ticks[0] if ticks else {}

    def processes(self, name: str) -> list[psutil.Process]:
        """Processes of agents in this stack by their program's name."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                state = process.environ().get("SIGNALBOX_STATE") if process.name() == name else None
                if state == str(self.stack.state):
                    found.append(process)
        return found


def sensor_names(stack: Stack) -> set[str]:
    """Names of the sensors that the webserver knows."""
    from scheduler_defs.stack.health.checks import graphql

    query = '{ repositoryOrError(repositorySelector: {repositoryName: "__repository__", '
    query += 'repositoryLocationName: "signalbox"}) { ... on Repository { sensors { name } } } }'
    return {sensor["name"] for sensor in graphql(stack.ui, query)["repositoryOrError"].get("sensors", ())}

"""Agents that do nothing, quickly or slowly, and how tests look at what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from resources.task_queue.models import Task, TaskQuery
from resources.task_queue.new_task import NewTask
from resources.task_queue.postgres import PostgresTaskQueue
from scheduler_defs.matching import TaskStatus
from tests.integration.running_stack import Stack, until

AGENTS = """
agents:
  noop-1: {queue: noop, limit: 1, command: ["true"]}
  slow-1: {queue: slow, limit: 1, command: [sleep, "60"], grace: 2s}
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
        from scheduler_defs.stack.checks import graphql

        return graphql(self.stack.ui, query)


def sensor_names(stack: Stack) -> set[str]:
    """Names of the sensors that the webserver knows."""
    from scheduler_defs.stack.checks import graphql

    query = '{ repositoryOrError(repositorySelector: {repositoryName: "__repository__", '
    query += 'repositoryLocationName: "signalbox"}) { ... on Repository { sensors { name } } } }'
    return {sensor["name"] for sensor in graphql(stack.ui, query)["repositoryOrError"].get("sensors", ())}

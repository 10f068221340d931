"""Agents, and the queues of tasks that they serve."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from scheduler_defs.declarations.base import Model, Position, Retries

if TYPE_CHECKING:
    from scheduler_defs.timing import Window
else:  # checks itself
    Window = Any


class Agent(Model):
    """A named worker identity: what it serves, how much at once, and the command that does a task.

    `{task.*}`, `{agent.*}`, `{run.*}` in the command stand for values; `{agent.recipe}` is the recipe's path.
    """

    name: str
    source: Position
    queues: tuple[str, ...]
    limit: int = 1
    command: tuple[str, ...]
    recipe: str | None = None
    """Absolute path, inside the recipes folder with symbolic links resolved."""
    env: tuple[str, ...] = ()
    cwd: str | None = None
    timeout: dt.timedelta | None = None
    grace: dt.timedelta = dt.timedelta(seconds=10)
    retries: Retries = Retries(max_attempts=3)
    capabilities: tuple[str, ...] = ()
    enabled: bool = True
    working_hours: tuple[Window, ...] = ()
    """Empty: always."""
    celery_queue: str | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)
    owner: str | None = None
    description: str | None = None


class Ageing(Model):
    """A waiting task gains one point of priority per `every`, at most `limit` points.

    A task older than `first_after` goes before all younger ones, so that none waits for ever.
    """

    every: dt.timedelta = dt.timedelta(minutes=10)
    limit: int = 10
    first_after: dt.timedelta = dt.timedelta(days=1)


class QueueSettings(Model):
    """How the tasks of one agent queue are ordered."""

    blocking: bool = True
    """False: blockers are ignored, priority alone orders."""
    ageing: Ageing | None = Ageing()
    """None: priorities never rise."""
    description: str | None = None


class TaskQueueConfig(Model):
    """Where the agents' tasks are, and how they are ordered."""

    backend: Literal["postgres", "tinytask"] = "postgres"
    url: str | None = None
    timeout: dt.timedelta = dt.timedelta(seconds=10)
    """For one request to a TinyTask server."""
    first_tasks: str | None = None
    """Absolute path of JSON lines, added when there has never been a task; postgres only."""
    default: QueueSettings = QueueSettings()
    queues: Mapping[str, QueueSettings] = Field(default_factory=dict)
    """Queues that differ from `default`, complete."""

    def for_queue(self, name: str) -> QueueSettings:
        """How this queue's tasks are ordered."""
        return self.queues.get(name, self.default)

"""Agents, and the queues of tasks that they serve."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from scheduler_defs.declarations.models.approvals import Approve
from scheduler_defs.declarations.models.base import Model, Position, Retries

if TYPE_CHECKING:
    from scheduler_defs.timing import Window
else:  # checks itself
    Window = Any


class Accept(Model):
    """Commands that must succeed after an agent has said that a task is done."""

    commands: tuple[tuple[str, ...], ...]
    rounds: int = 2
    """How often what failed goes back to the agent."""
    timeout: dt.timedelta = dt.timedelta(minutes=30)
    """For each command."""


class Workspace(Model):
    """A git worktree for each task, from a mirror of the repository on the worker's machine."""

    repository: str
    """An absolute path, or an address."""
    base: str = "main"
    branch: str = "task/{task.id}"
    setup: tuple[tuple[str, ...], ...] = ()
    setup_timeout: dt.timedelta = dt.timedelta(minutes=15)
    between: Literal["keep", "reset"] = "keep"
    keep: dt.timedelta = dt.timedelta(days=7)
    push: bool = True
    landing: Literal["off", "rebase", "merge", "pull-request"] = "off"

    @property
    def lands(self) -> bool:
        """Whether a task is done only when its work is on the base."""
        return self.landing in ("rebase", "merge")


class Price(Model):
    """US dollars for a million tokens."""

    input: float
    output: float
    cached: float = 0.0


class Agent(Model):
    """A named worker identity: what it serves, how much at once, and the command that does a task.

    `{task.*}`, `{agent.*}`, `{run.*}` in the command stand for values; `{agent.recipe}` is the recipe's path.
    """

    name: str
    source: Position
    queues: tuple[str, ...]
    limit: int = 1
    command: tuple[str, ...]
    pull: bool = False
    """It claims its tasks itself, and none is given to it."""
    recipe: str | None = None
    """Absolute path, inside the recipes folder with symbolic links resolved."""
    env: tuple[str, ...] = ()
    cwd: str | None = None
    timeout: dt.timedelta | None = None
    grace: dt.timedelta = dt.timedelta(seconds=10)
    idle_after: dt.timedelta | None = None
    """No sign of life for so long: it is idle. None: nobody looks."""
    when_idle: Literal["show", "nudge", "end"] = "end"
    retries: Retries = Retries(max_attempts=3)
    capabilities: tuple[str, ...] = ()
    enabled: bool = True
    working_hours: tuple[Window, ...] = ()
    """Empty: always."""
    celery_queue: str | None = None
    quota: str | None = None
    """The quota pool that it draws on; None: one of its own."""
    price: Price | None = None
    """What its tokens cost, where its program does not say."""
    resume: tuple[str, ...] = ()
    """The command that goes on with a session: `{session.id}`, `{answer.text}`. Empty: it begins anew."""
    approve: Approve | None = None
    """Every attempt at a task waits for it."""
    workspace: Workspace | None = None
    accept: Accept | None = None
    """None: what the queue says."""
    accept_from_task: bool = False
    tags: Mapping[str, str] = Field(default_factory=dict)
    owner: str | None = None
    description: str | None = None


class Quota(Model):
    """A pool of agents that draw on one account: when its provider refuses work, all of them rest."""

    name: str
    source: Position
    patterns: tuple[str, ...] = ()
    """RE2, besides the messages of the known CLIs. A group `epoch`, `seconds`, `until` says when it ends."""
    reserve: float = 0.0
    """The share of each window that is left to people."""
    window: dt.timedelta | None = None
    tokens: int | None = None
    """Fresh tokens that a window holds; None: nobody counts them here."""
    description: str | None = None


class Budget(Model):
    """What agents may use before people are asked."""

    name: str
    source: Position
    agents: tuple[str, ...] = ()
    """Whose use counts; empty: everybody's."""
    queues: tuple[str, ...] = ()
    per: tuple[Literal["task", "agent", "queue", "day"], ...] = ("day",)
    """What is counted apart."""
    timezone: str = "UTC"
    tokens: int | None = None
    cached_tokens: int | None = None
    turns: int | None = None
    cost_usd: float | None = None
    time: dt.timedelta | None = None
    when_reached: Literal["stop", "finish"] = "stop"
    description: str | None = None

    def covers(self, agent: str, queue: str) -> bool:
        """Whether it counts what the agent does for the queue."""
        return (not self.agents or agent in self.agents) and (not self.queues or queue in self.queues)


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
    accept: Accept | None = None
    weight: int | None = None
    """How much of the slots of agents that serve other queues as well it gets; None: no queue's, or 1."""
    description: str | None = None


class TaskQueueConfig(Model):
    """Where the agents' tasks are, and how they are ordered."""

    backend: Literal["postgres", "tinytask"] = "postgres"
    url: str | None = None
    timeout: dt.timedelta = dt.timedelta(seconds=5)
    """For one request to a TinyTask server, all tries together."""
    first_tasks: str | None = None
    """Absolute path of JSON lines, added when there has never been a task; postgres only."""
    default: QueueSettings = QueueSettings()
    queues: Mapping[str, QueueSettings] = Field(default_factory=dict)
    """Queues that differ from `default`, complete."""

    def for_queue(self, name: str) -> QueueSettings:
        """How this queue's tasks are ordered."""
        return self.queues.get(name, self.default)

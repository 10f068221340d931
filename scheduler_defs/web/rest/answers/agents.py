"""Agent queues: tasks, agents, quotas and budgets."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.web.rest.answers.parts import Answer


class Task(Answer):
    """A task of an agent queue."""

    id: int
    title: str
    queue: str
    status: str
    assigned_to: str | None
    priority: int
    blocked_by: list[int]
    blocked: bool
    attempts: int
    max_attempts: int | None
    run_id: str | None
    created: dt.datetime
    updated: dt.datetime


class NextTask(Answer):
    """The task that an agent may claim now, or why there is none."""

    task: Task | None
    waiting: list[str]


class Upcoming(Answer):
    """The tasks in the order in which they are considered, and what each agent gets, now and then."""

    tasks: list[dict[str, Any]]
    agents: list[dict[str, Any]]


class Held(Answer):
    """Until when a lease holds."""

    id: int
    lease_expires: dt.datetime | None


class Agent(Answer):
    """An agent with its load."""

    name: str
    queues: list[str]
    limit: int
    active: int
    state: str


class Queue(Answer):
    """An agent queue; throughput and waits are of the last hour."""

    queue: str
    idle: int
    blocked: int
    working: int
    failed: int
    oldest_seconds: float | None
    per_hour: int
    wait_p50_seconds: float | None
    wait_p95_seconds: float | None


class Quota(Answer):
    """A quota pool: open, probing or closed."""

    name: str
    agents: list[str]
    state: str
    opens: dt.datetime | None
    reason: str | None


class Budget(Answer):
    """What is used of a budget, for one thing that it counts apart."""

    name: str
    counts: str
    state: str
    used: dict[str, float] | None
    limits: dict[str, float]


class Allowed(Answer):
    """Of what as much again is allowed."""

    name: str
    allowed: list[str]

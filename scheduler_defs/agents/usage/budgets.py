"""Budgets against what was used: who may not begin, what a run has reached, and what people are asked.

What is used is counted in Postgres, under one lock: two runs at once cannot pass a budget unnoticed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from scheduler_defs.agents.deciding.budgets import Allowance, Use, bucket, reached
from scheduler_defs.agents.usage.records import statement
from scheduler_defs.declarations.models.declared import Agent, Budget

ASKED_BY = "signalbox"


@dataclass(frozen=True, slots=True)
class Counted:
    """One thing that a budget counts apart. `over`: what is used up, in words; None: something is left."""

    budget: Budget
    bucket: str
    use: Use
    granted: int
    over: str | None
    asked: int = 0
    open_id: int | None = None

    @property
    def key(self) -> str:
        """Of the next question about it: asking twice is one question."""
        return f"budget:{self.budget.name}:{self.bucket}:{self.asked + (self.open_id is None)}"

    @property
    def details(self) -> Mapping[str, str]:
        """For the inbox: how answers find their budget."""
        return {"budget": self.budget.name, "bucket": self.bucket}

    def text(self) -> str:
        """`budget team reached: 1,204,000 of 1,000,000 fresh tokens (agent=vaela day=2026-11-29)`."""
        return f"budget {self.budget.name} reached: {self.over} ({self.bucket})"


@dataclass(frozen=True, slots=True)
class Budgets:
    """The declared budgets over the tasks of one task queue."""

    declared: Mapping[str, Budget]
    backend: str
    agents: Mapping[str, Agent] = field(default_factory=dict)

    def covers(self, agent: str, queue: str) -> bool:
        """Whether any of them counts what the agent does for the queue."""
        return any(each.covers(agent, queue) for each in self.declared.values())

    def closed(self, connection: sa.Connection, now: dt.datetime) -> dict[tuple[str, str], str]:
        """(agent, queue) that may not begin anything now, and why. Budgets of single tasks close nobody."""
        found: dict[tuple[str, str], str] = {}
        for counted in self.counted(connection, now):
            if counted.over is None:
                continue
            for agent, queue in self._pairs(counted.budget):
                if self._bucket(counted.budget, "", agent, queue, now) == counted.bucket:
                    found.setdefault((agent, queue), counted.text())
        return found

    def counted(self, connection: sa.Connection, now: dt.datetime) -> list[Counted]:
        """What each budget counts now, apart from those of single tasks."""
        shared = [each for each in self.declared.values() if "task" not in each.per]
        if not shared:
            return []
        asked = _asked(connection)
        found: list[Counted] = []
        for budget in shared:
            sums = {
                self._bucket(budget, "", agent, queue, now): Use() for agent, queue in self._pairs(budget)
            }
            for agent, queue, use in _used(connection, budget, now):
                name = self._bucket(budget, "", agent, queue, now)
                sums[name] = sums.get(name, Use()) + use
            found += [_counted(budget, name, use, asked) for name, use in sums.items()]
        return found

    def reached(
        self, connection: sa.Connection, *, task_id: int, agent: str, queue: str, now: dt.datetime
    ) -> Counted | None:
        """The first budget that this agent has reached with this task; None: it may go on."""
        covering = [each for each in self.declared.values() if each.covers(agent, queue)]
        if not covering:
            return None
        asked = _asked(connection)
        task = task_label(self.backend, task_id)
        for budget in covering:
            name = self._bucket(budget, task, agent, queue, now)
            of_task = (self.backend, task_id) if "task" in budget.per else None
            use = sum(
                (
                    use
                    for who, where, use in _used(connection, budget, now, of_task)
                    if self._bucket(budget, task, who, where, now) == name
                ),
                Use(),
            )
            counted = _counted(budget, name, use, asked)
            if counted.over is not None:
                return counted
        return None

    def ask(self, connection: sa.Connection, now: dt.datetime) -> None:
        """Put what is reached into the inbox, once, and take out what is over: a new day, a higher limit."""
        if not self.declared and not _asked(connection):
            return
        lock(connection)
        open_ids = {each.open_id for each in _asked(connection).values() if each.open_id is not None}
        for counted in self.counted(connection, now):
            if counted.over is None:
                continue
            open_ids.discard(counted.open_id)
            values = {
                "subject": f"budget:{counted.budget.name}",
                "key": counted.key,
                "body": f"{counted.text()}. Allow as much again?",
                "details": json.dumps(counted.details),
                "asked_by": ASKED_BY,
            }
            if counted.open_id is None:
                connection.execute(statement("ask_budget"), values)
        for entry in open_ids:
            connection.execute(statement("close_entry"), {"id": entry})

    def _pairs(self, budget: Budget) -> Iterable[tuple[str, str]]:
        return (
            (agent.name, queue)
            for agent in self.agents.values()
            for queue in agent.queues
            if budget.covers(agent.name, queue)
        )

    def _bucket(self, budget: Budget, task: str, agent: str, queue: str, now: dt.datetime) -> str:
        day = now.astimezone(ZoneInfo(budget.timezone)).date()
        return bucket(budget.per, task=task, agent=agent, queue=queue, day=day)


def task_label(backend: str, task_id: int) -> str:
    """A task's name among what budgets count."""
    return str(task_id) if backend == "postgres" else f"{backend}:{task_id}"


def lock(connection: sa.Connection) -> None:
    """Let one count at a time, until the transaction ends."""
    connection.execute(statement("lock_budgets"))


@dataclass(frozen=True, slots=True)
class _Asked:
    asked: int = 0
    granted: int = 0
    open_id: int | None = None


def _asked(connection: sa.Connection) -> dict[tuple[str, str], _Asked]:
    """By (budget, bucket). What is open are entries of their own, not questions about single tasks."""
    return {
        (row.budget, row.bucket): _Asked(row.asked, row.granted, row.open_id)
        for row in connection.execute(statement("asked"))
    }


def _counted(budget: Budget, name: str, use: Use, asked: Mapping[tuple[str, str], _Asked]) -> Counted:
    known = asked.get((budget.name, name), _Asked())
    allowed = Allowance(
        budget.tokens,
        budget.cached_tokens,
        budget.turns,
        budget.cost_usd,
        budget.time.total_seconds() if budget.time else None,
    )
    over = reached(use, allowed, known.granted)
    return Counted(budget, name, use, known.granted, over, known.asked, known.open_id)


def _used(
    connection: sa.Connection, budget: Budget, now: dt.datetime, task: tuple[str, int] | None = None
) -> list[tuple[str, str, Use]]:
    values: dict[str, Any] = {
        "since": _midnight(budget, now) if "day" in budget.per else None,
        "backend": task[0] if task else None,
        "task_id": task[1] if task else None,
        "agents": list(budget.agents),
        "queues": list(budget.queues),
    }
    return [
        (row.agent, row.queue, Use(row.tokens, row.cached_tokens, row.turns, row.cost_usd, row.seconds))
        for row in connection.execute(statement("used"), values)
    ]


def _midnight(budget: Budget, now: dt.datetime) -> dt.datetime:
    """When the day began in the budget's zone."""
    local = now.astimezone(ZoneInfo(budget.timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)

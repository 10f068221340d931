"""Declared agents, looked-up runs and passes for tests, with everything that does not matter left out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.deciding.healing import RunState
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool.assignments import Assignment
from scheduler_defs.agents.pool.passes import Pass, reconcile
from scheduler_defs.agents.pool.runs import SeenRun
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.declarations.models.declared import (
    Agent,
    Backoff,
    Declarations,
    Position,
    Retries,
    TaskQueueConfig,
)

HERE = Position(file="config/agents.yaml", line=1, column=1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def agent(name: str = "vaela", limit: int = 1, **fields: Any) -> Agent:
    fields.setdefault("queues", ("dev",))
    fields.setdefault("command", ("true",))
    fields.setdefault("retries", Retries(max_attempts=3, backoff=Backoff.NONE))
    return Agent(name=name, source=HERE, limit=limit, **fields)


def declared(*agents: Agent, **task_queue: Any) -> Declarations:
    return Declarations(
        agents={each.name: each for each in agents or (agent(),)}, task_queue=TaskQueueConfig(**task_queue)
    )


class KnownRuns:
    """Runs that a test has made up."""

    def __init__(self) -> None:
        self.found: dict[str, SeenRun] = {}
        self.keys: dict[str, str] = {}

    def put(self, run_id: str, state: RunState, *, key: str = "", failure: str | None = None) -> None:
        self.found[run_id] = SeenRun(run_id, state, failure)
        if key:
            self.keys[key] = run_id

    def by_id(self, run_ids: Collection[str]) -> Mapping[str, SeenRun]:
        return {run_id: self.found[run_id] for run_id in run_ids if run_id in self.found}

    def by_key(self, run_keys: Collection[str], since: dt.datetime) -> Mapping[str, SeenRun]:
        return {key: self.found[self.keys[key]] for key in run_keys if key in self.keys}


class Yard:
    """One task queue, its agents, and the runs on them."""

    def __init__(self, engine: sa.Engine, queue: TaskQueue, declarations: Declarations) -> None:
        self.engine = engine
        self.queue = queue
        self.declarations = declarations
        self.runs = KnownRuns()

    def look(self, name: str = "dev", *, at: dt.datetime | None = None, sweep: bool = False) -> Pass:
        return reconcile(
            self.engine, self.queue, self.declarations, name, runs=self.runs, now=at or now(), sweep=sweep
        )

    def live(self) -> list[Assignment]:
        with self.engine.connect() as connection:
            return assignments.live(connection, self.queue.backend)

    def begin(self, request: Assignment, run_id: str) -> None:
        """A run starts and claims its task."""
        self.runs.put(run_id, RunState.UNFINISHED, key=request.run_key)
        with self.engine.begin() as connection:
            assert assignments.take(connection, request.run_key, run_id, now()) is not None
        self.queue.claim(request.task_id, self.request(request, run_id), now())

    def request(self, given: Assignment, run_id: str) -> ClaimRequest:
        return ClaimRequest(run_id, given.agent, given.queue, given.max_attempts)


def placed(passed: Pass) -> list[tuple[int, str]]:
    return [(request.task_id, request.agent) for request in passed.requests]

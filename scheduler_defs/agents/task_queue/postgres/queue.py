"""Tasks in Signalbox's own tables in Postgres."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Ending, TaskStatus
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.deciding.matching.eligibility import cycle_text
from scheduler_defs.agents.deciding.matching.graph import ring_through
from scheduler_defs.agents.task_queue.models import (
    Held,
    Settled,
    Task,
)
from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges
from scheduler_defs.agents.task_queue.postgres import adding as postgres_adding
from scheduler_defs.agents.task_queue.postgres import running as postgres_running
from scheduler_defs.agents.task_queue.postgres.once import once
from scheduler_defs.agents.task_queue.postgres.reading import PostgresReading, get_task
from scheduler_defs.agents.task_queue.postgres.running import comment, finish, link, lock
from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.agents.task_queue.protocol import (
    BlockerCycleError,
    LostTaskError,
    UnknownTaskError,
    refuse_delete,
)
from scheduler_defs.agents.task_queue.signing import entries_of_adding, entry_of_deed, entry_of_ending
from scheduler_defs.audit.store import record
from scheduler_defs.errors import SignalboxError


class PostgresTaskQueue(PostgresReading):
    """A `TaskQueue` over the tables of migration 0002. Safe to use from several threads and processes."""

    backend = "postgres"
    knows_requests = True

    def __init__(self, engine: sa.Engine, held: Held | None = None) -> None:
        super().__init__(engine)
        self._held = held

    # The pass

    def from_now(self) -> PostgresTaskQueue:
        return self

    # A run

    def claim(self, task_id: int, request: ClaimRequest, now: dt.datetime) -> Task:
        with self.transaction() as connection:
            postgres_running.claim(connection, task_id, request, now)
            return get_task(connection, task_id)

    def settle(
        self,
        task_id: int,
        request: ClaimRequest,
        ending: Ending,
        *,
        detail: str = "",
        result: Any = None,
        wait: dt.timedelta | None = dt.timedelta(0),
        now: dt.datetime,
    ) -> Settled:
        with self.transaction() as connection:
            return postgres_running.settle_task(
                connection, task_id, request, ending, detail=detail, result=result, wait=wait, now=now
            )

    # People and agents

    def on_behalf_of(self, held: Held) -> PostgresTaskQueue:
        return PostgresTaskQueue(self._engine, held)

    def add(self, tasks: Sequence[NewTask], *, request: str | None = None) -> list[int]:
        with self.transaction() as connection:

            def added() -> list[int]:
                ids = postgres_adding.add(connection, tasks, dt.datetime.now(dt.UTC))
                record(connection, *entries_of_adding(tasks, ids))
                return ids

            return once(connection, request, added)

    def change(self, task_id: int, changes: TaskChanges, *, author: str) -> None:
        given = changes.given()
        values = {
            name: json.dumps(value)
            if name == "payload"
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in given.items()
        }
        with self._change(task_id) as connection:
            for name, value in values.items():
                connection.execute(statement(f"set_{name}"), {"id": task_id, "value": value})
            if given:
                comment(connection, task_id, f"changed: {', '.join(sorted(given))}", author)
                record(connection, entry_of_deed(task_id, "changed", author, given))

    def delete(self, task_id: int) -> None:
        with self.transaction() as connection:
            self._hold_own(connection)
            connection.execute(statement("lock_graph"))
            row = lock(connection, task_id)
            waiting = list(connection.execute(statement("blocks"), {"id": task_id}).scalars())
            refuse_delete(task_id, TaskStatus(row.status), row.run_id, waiting)
            connection.execute(statement("delete"), {"id": task_id})
            record(connection, entry_of_deed(task_id, "deleted", None, {"queue": row.queue}))

    def comment(self, task_id: int, content: str, *, author: str, request: str | None = None) -> None:
        with self._touched(task_id) as connection:

            def said() -> list[int]:
                comment(connection, task_id, content, author)
                return [task_id]

            once(connection, request, said)

    def link(self, task_id: int, url: str, *, description: str, author: str) -> None:
        with self._touched(task_id) as connection:
            link(connection, task_id, url, description, author)

    def block(self, task_id: int, blocker_id: int, *, author: str) -> None:
        if task_id == blocker_id:
            raise BlockerCycleError(f"the blockers form a cycle: {cycle_text((task_id, task_id))}")
        with self.transaction() as connection:
            self._hold_own(connection)
            connection.execute(statement("lock_graph"))
            ids = sorted((task_id, blocker_id))
            found = set(connection.execute(statement("share_tasks"), {"ids": ids}).scalars())
            if missing := [id for id in ids if id not in found]:
                raise UnknownTaskError(f"no task {missing[0]}")
            above = connection.execute(statement("edges_above"), {"ids": [blocker_id]})
            edges = [(row.task_id, row.blocker_id) for row in above]
            ring = ring_through([*edges, (task_id, blocker_id)], [task_id])
            if ring:
                raise BlockerCycleError(f"the blockers form a cycle: {cycle_text(ring)}")
            connection.execute(statement("add_blocker"), {"id": task_id, "blocker": blocker_id})
            comment(connection, task_id, f"blocked by {blocker_id}", author)
            record(connection, entry_of_deed(task_id, "blocked", author, {"blocker": blocker_id}))

    def unblock(self, task_id: int, blocker_id: int | None, *, author: str) -> None:
        with self.transaction() as connection:
            self._hold_own(connection)
            connection.execute(statement("lock_graph"))
            get_task(connection, task_id)
            gone = connection.execute(statement("remove_blockers"), {"id": task_id, "blocker": blocker_id})
            removed = sorted(gone.scalars())
            if blocker_id is not None and not removed:
                raise SignalboxError(f"task {task_id} does not wait for {blocker_id}")
            if removed:
                named = ", ".join(map(str, removed))
                comment(connection, task_id, f"no longer blocked by {named}", author)
                record(connection, entry_of_deed(task_id, "unblocked", author, {"blockers": removed}))

    def assign(self, task_id: int, agent: str | None, *, author: str) -> None:
        with self._change(task_id) as connection:
            connection.execute(statement("assign"), {"id": task_id, "agent": agent})
            comment(connection, task_id, f"assigned to {agent or 'nobody in particular'}", author)
            record(connection, entry_of_deed(task_id, "assigned", author, {"agent": agent}))

    def move(self, task_id: int, queue: str, *, author: str) -> None:
        with self._change(task_id) as connection:
            connection.execute(statement("move"), {"id": task_id, "queue": queue})
            comment(connection, task_id, f"moved to queue {queue}", author)
            record(connection, entry_of_deed(task_id, "moved", author, {"queue": queue}))

    def requeue(self, task_id: int, *, author: str) -> None:
        with self._change(task_id) as connection:
            connection.execute(statement("requeue"), {"id": task_id})
            comment(connection, task_id, "put back to idle", author)
            record(connection, entry_of_deed(task_id, "requeued", author))

    def resume(self, task_id: int, *, author: str) -> None:
        with self._change(task_id) as connection:
            if connection.execute(statement("resume"), {"id": task_id}).rowcount:
                comment(connection, task_id, "goes on", author)
                record(connection, entry_of_deed(task_id, "resumed", author))

    def complete(self, task_id: int, *, result: Any = None, author: str) -> None:
        self._end(task_id, TaskStatus.COMPLETE, "complete", result, author)

    def fail(self, task_id: int, *, reason: str, author: str) -> None:
        self._end(task_id, TaskStatus.FAILED, f"failed: {reason}" if reason else "failed", None, author)

    def cancel(self, task_id: int, *, reason: str, author: str) -> None:
        self._end(task_id, TaskStatus.CANCELED, f"canceled: {reason}" if reason else "canceled", None, author)

    def _end(self, task_id: int, status: TaskStatus, words: str, result: Any, author: str) -> None:
        with self._change(task_id) as connection:
            finish(connection, task_id, status, result, dt.datetime.now(dt.UTC))
            comment(connection, task_id, words, author)
            record(connection, entry_of_ending(task_id, status, words, result, author))

    def _hold_own(self, connection: sa.Connection) -> None:
        """Make sure that the run we speak for has its task, until the transaction ends."""
        if self._held is None:
            return
        row = lock(connection, self._held.task_id)
        if row.status != TaskStatus.WORKING or row.run_id != self._held.run_id:
            raise LostTaskError(self._held.lost(TaskStatus(row.status)))

    @contextmanager
    def _change(self, task_id: int) -> Iterator[sa.Connection]:
        """A transaction of somebody who may steer, which has the task to itself."""
        with self.transaction() as connection:
            self._hold_own(connection)
            lock(connection, task_id)
            connection.execute(statement("touch"), {"id": task_id})
            yield connection

    @contextmanager
    def _touched(self, task_id: int) -> Iterator[sa.Connection]:
        """A transaction that has the task to itself."""
        with self.transaction() as connection:
            lock(connection, task_id)
            connection.execute(statement("touch"), {"id": task_id})
            yield connection

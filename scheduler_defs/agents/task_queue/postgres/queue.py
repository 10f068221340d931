"""Tasks in Signalbox's own tables in Postgres."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from scheduler_defs.agents.deciding import Candidate, Ending, Policy, TaskStatus
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.deciding.matching.eligibility import cycle_text
from scheduler_defs.agents.deciding.matching.graph import ring_through
from scheduler_defs.agents.task_queue.models import (
    Comment,
    Held,
    Holder,
    Link,
    OpenEdge,
    OpenTask,
    QueueCounts,
    Settled,
    Task,
    TaskDetails,
    TaskQuery,
    View,
)
from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges
from scheduler_defs.agents.task_queue.postgres import adding as postgres_adding
from scheduler_defs.agents.task_queue.postgres import running as postgres_running
from scheduler_defs.agents.task_queue.postgres import window as postgres_pass
from scheduler_defs.agents.task_queue.postgres.once import once
from scheduler_defs.agents.task_queue.postgres.rows import open_tasks_of, task_of, waiting_of
from scheduler_defs.agents.task_queue.postgres.running import comment, finish, link, lock
from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.agents.task_queue.protocol import (
    BlockerCycleError,
    Demand,
    LostTaskError,
    TaskQueueDownError,
    UnknownTaskError,
    refuse_delete,
)
from scheduler_defs.agents.task_queue.signing import entries_of_adding, entry_of_deed, entry_of_ending
from scheduler_defs.audit.store import record
from scheduler_defs.errors import SignalboxError


class PostgresTaskQueue:
    """A `TaskQueue` over the tables of migration 0002. Safe to use from several threads and processes."""

    backend = "postgres"
    knows_requests = True

    def __init__(self, engine: sa.Engine, held: Held | None = None) -> None:
        self._engine = engine
        self._held = held
        self.address = engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Nothing to let go of: the engine is the process's."""

    def ping(self) -> None:
        with self._transaction() as connection:
            connection.execute(sa.text("SELECT 1"))

    # Reading

    def get(self, task_id: int) -> Task:
        with self._transaction() as connection:
            return _get(connection, task_id)

    def details(self, task_id: int) -> TaskDetails:
        with self._transaction() as connection:
            task = _get(connection, task_id)
            found = {
                name: connection.execute(statement(name), {"id": task_id}).all()
                for name in ("comments", "links", "subtasks", "blocks", "waited_for")
            }
        return TaskDetails(
            task,
            tuple(Comment(row.content, row.created_by, row.created_at) for row in found["comments"]),
            tuple(Link(row.url, row.description, row.created_by, row.created_at) for row in found["links"]),
            tuple(row.id for row in found["subtasks"]),
            tuple(row.id for row in found["blocks"]),
            tuple(row.id for row in found["waited_for"]),
        )

    def find(self, query: TaskQuery) -> list[Task]:
        with self._transaction() as connection:
            return _find(connection, query, newest_first=query.limit is not None)

    def counts(self) -> dict[str, QueueCounts]:
        with self._transaction() as connection:
            postgres_pass.refresh(connection, dt.datetime.now(dt.UTC))
            return postgres_pass.counts(connection, None)

    def open_edges(self) -> list[OpenEdge]:
        with self._transaction() as connection:
            return [OpenEdge(**row._mapping) for row in connection.execute(statement("open_edges"))]

    def arrivals(self, since: dt.datetime) -> dict[str, int]:
        with self._transaction() as connection:
            rows = connection.execute(statement("arrivals"), {"since": since})
            return {row.queue: row.tasks for row in rows}

    def open_tasks(self, queue: str | None) -> list[OpenTask]:
        with self._transaction() as connection:
            rows = connection.execute(statement("open_tasks"), {"queue": queue})
            return open_tasks_of(rows)

    # The pass

    def from_now(self) -> PostgresTaskQueue:
        return self

    def look(
        self,
        queue: str,
        *,
        demand: Demand,
        policy: Policy,
        requested: Collection[int],
        now: dt.datetime,
        hidden: str | None = None,
    ) -> View:
        with self._transaction() as connection:
            return postgres_pass.look(
                connection, queue, demand=demand, policy=policy, requested=requested, now=now, hidden=hidden
            )

    def waiting(
        self, queue: str, *, policy: Policy, requested: Collection[int], limit: int, now: dt.datetime
    ) -> list[Candidate]:
        with self._transaction() as connection:
            rows = connection.execute(statement("waiting"), {"queue": queue, "limit": limit})
            roots = postgres_pass.dead_roots(connection, queue)
            return [waiting_of(row, row.id in requested, roots) for row in rows]

    def held_by_runs(self) -> list[Holder]:
        with self._transaction() as connection:
            rows = connection.execute(statement("held_by_runs"))
            return [Holder(row.id, row.queue, row.agent, row.run_id, row.attempts) for row in rows]

    # A run

    def claim(self, task_id: int, request: ClaimRequest, now: dt.datetime) -> Task:
        with self._transaction() as connection:
            postgres_running.claim(connection, task_id, request, now)
            return _get(connection, task_id)

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
        with self._transaction() as connection:
            return postgres_running.settle_task(
                connection, task_id, request, ending, detail=detail, result=result, wait=wait, now=now
            )

    # People and agents

    def on_behalf_of(self, held: Held) -> PostgresTaskQueue:
        return PostgresTaskQueue(self._engine, held)

    def add(self, tasks: Sequence[NewTask], *, request: str | None = None) -> list[int]:
        with self._transaction() as connection:

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
        with self._transaction() as connection:
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
        with self._transaction() as connection:
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
        with self._transaction() as connection:
            self._hold_own(connection)
            connection.execute(statement("lock_graph"))
            _get(connection, task_id)
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
        with self._transaction() as connection:
            self._hold_own(connection)
            lock(connection, task_id)
            connection.execute(statement("touch"), {"id": task_id})
            yield connection

    @contextmanager
    def _touched(self, task_id: int) -> Iterator[sa.Connection]:
        """A transaction that has the task to itself."""
        with self._transaction() as connection:
            lock(connection, task_id)
            connection.execute(statement("touch"), {"id": task_id})
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
            raise TaskQueueDownError(f"the task queue at {self.address} does not answer: {reason}") from error
        except IntegrityError as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise SignalboxError(f"the task queue refuses: {reason}") from error


def _find(connection: sa.Connection, query: TaskQuery, *, newest_first: bool) -> list[Task]:
    values = {
        "queue": query.queue,
        "statuses": [status.value for status in query.statuses] or None,
        "agent": query.assigned_to,
        "ids": list(query.ids) or None,
        "newest_first": newest_first,
        "after": 0,
        "limit": query.limit,
        "offset": query.offset,
        "blocked": query.blocked,
        "tag": query.tag,
        "parent": query.parent,
        "text": query.text,
    }
    return [task_of(row) for row in connection.execute(statement("tasks"), values)]


def _get(connection: sa.Connection, task_id: int) -> Task:
    found = _find(connection, TaskQuery(ids=(task_id,), limit=1), newest_first=False)
    if not found:
        raise UnknownTaskError(f"no task {task_id}")
    return found[0]

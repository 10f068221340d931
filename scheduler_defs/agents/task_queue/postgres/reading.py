"""What the tables of the task queue in Postgres tell: tasks, counts, and what a pass of placing looks at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from scheduler_defs.agents.deciding import Candidate, Policy
from scheduler_defs.agents.task_queue.models import (
    Comment,
    Holder,
    Link,
    OpenEdge,
    OpenTask,
    QueueCounts,
    Task,
    TaskDetails,
    TaskQuery,
    View,
)
from scheduler_defs.agents.task_queue.postgres import window as postgres_pass
from scheduler_defs.agents.task_queue.postgres.rows import open_tasks_of, task_of, waiting_of
from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.agents.task_queue.protocol import (
    Demand,
    TaskQueueDownError,
    UnknownTaskError,
)
from scheduler_defs.errors import SignalboxError


class PostgresReading:
    """The reading half of `PostgresTaskQueue`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.address = engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Nothing to let go of: the engine is the process's."""

    def ping(self) -> None:
        with self.transaction() as connection:
            connection.execute(sa.text("SELECT 1"))

    def get(self, task_id: int) -> Task:
        with self.transaction() as connection:
            return get_task(connection, task_id)

    def details(self, task_id: int) -> TaskDetails:
        with self.transaction() as connection:
            task = get_task(connection, task_id)
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
        with self.transaction() as connection:
            return _find(connection, query, newest_first=query.limit is not None)

    def counts(self) -> dict[str, QueueCounts]:
        with self.transaction() as connection:
            postgres_pass.refresh(connection, dt.datetime.now(dt.UTC))
            return postgres_pass.counts(connection, None)

    def open_edges(self) -> list[OpenEdge]:
        with self.transaction() as connection:
            return [OpenEdge(**row._mapping) for row in connection.execute(statement("open_edges"))]

    def arrivals(self, since: dt.datetime) -> dict[str, int]:
        with self.transaction() as connection:
            rows = connection.execute(statement("arrivals"), {"since": since})
            return {row.queue: row.tasks for row in rows}

    def open_tasks(self, queue: str | None) -> list[OpenTask]:
        with self.transaction() as connection:
            rows = connection.execute(statement("open_tasks"), {"queue": queue})
            return open_tasks_of(rows)

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
        with self.transaction() as connection:
            return postgres_pass.look(
                connection, queue, demand=demand, policy=policy, requested=requested, now=now, hidden=hidden
            )

    def waiting(
        self, queue: str, *, policy: Policy, requested: Collection[int], limit: int, now: dt.datetime
    ) -> list[Candidate]:
        with self.transaction() as connection:
            rows = connection.execute(statement("waiting"), {"queue": queue, "limit": limit})
            roots = postgres_pass.dead_roots(connection, queue)
            return [waiting_of(row, row.id in requested, roots) for row in rows]

    def held_by_runs(self) -> list[Holder]:
        with self.transaction() as connection:
            rows = connection.execute(statement("held_by_runs"))
            return [Holder(row.id, row.queue, row.agent, row.run_id, row.attempts) for row in rows]

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
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


def get_task(connection: sa.Connection, task_id: int) -> Task:
    found = _find(connection, TaskQuery(ids=(task_id,), limit=1), newest_first=False)
    if not found:
        raise UnknownTaskError(f"no task {task_id}")
    return found[0]

"""What a TinyTask server tells: tasks, counts, and what a pass of placing looks at."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import quote

from scheduler_defs.agents.deciding import Candidate, Policy, TaskStatus
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
from scheduler_defs.agents.task_queue.protocol import (
    Demand,
    UnknownTaskError,
)
from scheduler_defs.agents.task_queue.tinytask import claims as tinytask_claims
from scheduler_defs.agents.task_queue.tinytask.client import TinyTaskClient
from scheduler_defs.agents.task_queue.tinytask.moment import Moment
from scheduler_defs.agents.task_queue.tinytask.row import Row, read_row
from scheduler_defs.agents.task_queue.tinytask.snapshot import Snapshot


class TinyTaskReading:
    """The reading half of `TinyTaskQueue`."""

    _after = 0

    def __init__(
        self, url: str, *, timeout_seconds: float, stack: Callable[[], str | None] = lambda: None
    ) -> None:
        self._moment = Moment()
        self._client = TinyTaskClient(url, timeout_seconds=timeout_seconds, on_change=self._moment.change)
        self._stack = stack
        self.address = self._client.address

    def close(self) -> None:
        self._client.close()

    def ping(self) -> None:
        self._list(None, limit="1")

    def get(self, task_id: int) -> Task:
        return tinytask_claims.fetch(self._client, task_id).task

    def details(self, task_id: int) -> TaskDetails:
        document = self._client.get(f"tasks/{task_id}")
        children = self._client.get(f"tasks/{task_id}/subtasks")
        blocks = sorted(id for id, row in self._open().items() if row.blocker == task_id)
        with self._client.understanding():
            row = read_row(document)
            return TaskDetails(
                row.task,
                tuple(_comment(entry) for entry in document["comments"]),
                tuple(_link(entry) for entry in document["links"]),
                tuple(sorted(int(child["id"]) for child in children)),
                tuple(blocks),
                () if row.blocker is None else (row.blocker,),
            )

    def find(self, query: TaskQuery) -> list[Task]:
        wanted = {_SERVER_STATUS[status] for status in query.statuses}
        statuses = {"status": ",".join(sorted(wanted))} if wanted else {}
        found = [row.task for row in self._list(query.queue, **statuses) if _matches(row.task, query)]
        found.sort(key=lambda task: task.id, reverse=query.limit is not None)
        return found[query.offset :][: query.limit]

    def counts(self) -> dict[str, QueueCounts]:
        return dict(self._snapshot().counts)

    def open_edges(self) -> list[OpenEdge]:
        return self._snapshot().open_edges()

    def arrivals(self, since: dt.datetime) -> dict[str, int]:
        created = Counter(row.task.queue for row in self._list(None) if row.task.created >= since)
        return {queue: number for queue, number in sorted(created.items()) if queue}

    def open_tasks(self, queue: str | None) -> list[OpenTask]:
        going = (TaskStatus.IDLE, TaskStatus.WORKING, TaskStatus.WAITING)
        found = [row.task for row in self._open().values() if row.task.status in going]
        wanted = [task for task in found if queue is None or task.queue == queue]
        wanted.sort(key=lambda task: (-task.priority, task.created, task.id))
        return [_open_task(task) for task in wanted]

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
        snapshot = self._snapshot()
        candidates = [c for c in snapshot.candidates(queue, requested) if c.requested_for is None]
        counts = snapshot.counts.get(queue, QueueCounts())
        faults = (*snapshot.faults(queue), *self._shared(snapshot, queue))
        return View(tuple(candidates), counts, faults, snapshot.rings_of(queue))

    def waiting(
        self, queue: str, *, policy: Policy, requested: Collection[int], limit: int, now: dt.datetime
    ) -> list[Candidate]:
        return self._snapshot().candidates(queue, requested)[:limit]

    def held_by_runs(self) -> list[Holder]:
        return [
            Holder(row.task.id, row.task.queue, row.task.agent or "", row.holder, row.task.attempts)
            for row in self._open().values()
            if row.holder is not None and not self._is_foreign(row)
        ]

    def _snapshot(self) -> Snapshot:
        """The open tasks of this moment: passes that look at the same time look at the same snapshot."""
        return self._moment.get(lambda: Snapshot(self._read_open(), self._ask), after=self._after)

    def _is_foreign(self, row: Row) -> bool:
        """Whether another stack's run has claimed the task: it is not for us to say what became of it."""
        return row.stack is not None and (own := self._stack()) is not None and row.stack != own

    def _shared(self, snapshot: Snapshot, queue: str) -> list[str]:
        foreign = [
            id for id, row in snapshot.rows.items() if row.task.queue == queue and self._is_foreign(row)
        ]
        if not foreign:
            return []
        named = ", ".join(map(str, foreign[:5]))
        return [f"another Signalbox stack works on {len(foreign)} task(s) of this queue ({named})"]

    def _ask(self, task_id: int) -> Row | None:
        try:
            return tinytask_claims.fetch(self._client, task_id)
        except UnknownTaskError:
            return None

    def _open(self) -> Mapping[int, Row]:
        return self._snapshot().rows

    def _read_open(self) -> dict[int, Row]:
        return {row.task.id: row for row in self._list(None, status="idle,working")}

    def _list(self, queue: str | None, **query: str) -> list[Row]:
        path = "tasks" if queue is None else f"queues/{quote(queue, safe='')}/tasks"
        documents = self._client.get(path, **query)
        with self._client.understanding():
            if not isinstance(documents, list):
                raise TypeError(f"a list was expected, not {type(documents).__name__}")
            return [read_row(document) for document in documents]


_SERVER_STATUS = {
    TaskStatus.IDLE: "idle",
    TaskStatus.WORKING: "working",
    TaskStatus.COMPLETE: "complete",
    TaskStatus.FAILED: "idle",
    TaskStatus.CANCELED: "idle",
    TaskStatus.WAITING: "idle",
}


def _matches(task: Task, query: TaskQuery) -> bool:
    has_it = task.agent == query.assigned_to and task.status not in (TaskStatus.IDLE, TaskStatus.CANCELED)
    words = f"{task.title} {task.description or ''}".lower()
    return (
        (not query.statuses or task.status in query.statuses)
        and (not query.ids or task.id in query.ids)
        and (query.assigned_to is None or task.assigned_to == query.assigned_to or has_it)
        and (not query.blocked or task.blocked)
        and (query.tag is None or query.tag in task.tags)
        and (query.parent is None or task.parent_id == query.parent)
        and (query.text is None or query.text.lower() in words)
    )


def _open_task(task: Task) -> OpenTask:
    return OpenTask(
        id=task.id,
        title=task.title,
        description=task.description,
        status=task.status,
        agent=task.agent if task.status is TaskStatus.WORKING else task.assigned_to,
        queue=task.queue,
        created_by=task.created_by,
        priority=task.priority,
        tags=task.tags,
        created=task.created,
        updated=task.updated,
    )


def _comment(entry: Mapping[str, Any]) -> Comment:
    created = dt.datetime.fromisoformat(entry["created_at"])
    return Comment(entry["content"], entry.get("created_by") or "", created)


def _link(entry: Mapping[str, Any]) -> Link:
    created = dt.datetime.fromisoformat(entry["created_at"])
    return Link(entry["url"], entry.get("description"), entry.get("created_by") or "", created)

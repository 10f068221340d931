"""Tasks of a TinyTask server, over its REST API."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from resources.task_queue import tinytask_adding, tinytask_claims
from resources.task_queue.models import (
    Comment,
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
from resources.task_queue.new_task import NewTask
from resources.task_queue.protocol import BlockerCycleError, Demand, NotSupportedError, UnknownTaskError
from resources.task_queue.tinytask_client import TinyTaskClient
from resources.task_queue.tinytask_row import Row, read_row
from resources.task_queue.tinytask_snapshot import Snapshot
from scheduler_defs.errors import SignalboxError
from scheduler_defs.matching import Candidate, Ending, Policy, TaskStatus
from scheduler_defs.matching.claiming import ClaimRequest
from scheduler_defs.matching.eligibility import cycle_text
from scheduler_defs.matching.graph import ring_through


class TinyTaskQueue:
    """A `TaskQueue` over `<url>/api/v1`. What TinyTask has no field for is kept in tags (`tinytask_row`)."""

    backend = "tinytask"

    def __init__(self, url: str, *, timeout_seconds: float = 10.0) -> None:
        self._client = TinyTaskClient(url, timeout_seconds=timeout_seconds)
        self.address = self._client.address

    def close(self) -> None:
        self._client.close()

    def ping(self) -> None:
        self._list(None, limit="1")

    # Reading

    def get(self, task_id: int) -> Task:
        return tinytask_claims.fetch(self._client, task_id).task

    def details(self, task_id: int) -> TaskDetails:
        document = self._client.get(f"tasks/{task_id}")
        children = self._client.get(f"tasks/{task_id}/subtasks")
        blocks = sorted(id for id, row in self._open().items() if row.blocker == task_id)
        with self._client.understanding():
            return TaskDetails(
                read_row(document).task,
                tuple(_comment(entry) for entry in document["comments"]),
                tuple(_link(entry) for entry in document["links"]),
                tuple(sorted(int(child["id"]) for child in children)),
                tuple(blocks),
            )

    def find(self, query: TaskQuery) -> list[Task]:
        wanted = {_SERVER_STATUS[status] for status in query.statuses}
        statuses = {"status": ",".join(sorted(wanted))} if wanted else {}
        found = [row.task for row in self._list(query.queue, **statuses) if _matches(row.task, query)]
        found.sort(key=lambda task: task.id, reverse=query.limit is not None)
        return found[: query.limit]

    def queue_names(self) -> list[str]:
        return [queue for queue, numbers in self.counts().items() if numbers.idle or numbers.working]

    def counts(self) -> dict[str, QueueCounts]:
        return self._snapshot().counts()

    def open_edges(self) -> list[OpenEdge]:
        return self._snapshot().open_edges()

    def arrivals(self, since: dt.datetime) -> dict[str, int]:
        created = Counter(row.task.queue for row in self._list(None) if row.task.created >= since)
        return {queue: number for queue, number in sorted(created.items()) if queue}

    def open_tasks(self, queue: str | None) -> list[OpenTask]:
        going = (TaskStatus.IDLE, TaskStatus.WORKING)
        found = [row.task for row in self._open().values() if row.task.status in going]
        wanted = [task for task in found if queue is None or task.queue == queue]
        wanted.sort(key=lambda task: (-task.priority, task.created, task.id))
        return [_open_task(task) for task in wanted]

    # The pass

    def look(
        self, queue: str, *, demand: Demand, policy: Policy, requested: Collection[int], now: dt.datetime
    ) -> View:
        snapshot = self._snapshot()
        candidates = [c for c in snapshot.candidates(queue, requested) if c.requested_for is None]
        counts = snapshot.counts().get(queue, QueueCounts())
        return View(tuple(candidates), counts, snapshot.faults(queue), snapshot.rings)

    def waiting(
        self, queue: str, *, policy: Policy, requested: Collection[int], limit: int, now: dt.datetime
    ) -> list[Candidate]:
        return self._snapshot().candidates(queue, requested)[:limit]

    def held_by_runs(self) -> list[Holder]:
        return [
            Holder(row.task.id, row.task.queue, row.task.agent or "", row.holder, row.task.attempts)
            for row in self._open().values()
            if row.holder is not None
        ]

    # A run

    def claim(self, task_id: int, request: ClaimRequest, now: dt.datetime) -> Task:
        return tinytask_claims.claim(self._client, task_id, request, now)

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
        return tinytask_claims.settle_task(
            self._client, task_id, request, ending, detail=detail, result=result, wait=wait, now=now
        )

    # People and agents

    def add(self, tasks: Sequence[NewTask]) -> list[int]:
        return tinytask_adding.add(self._client, tasks)

    def comment(self, task_id: int, content: str, *, author: str) -> None:
        self._client.post(f"tasks/{task_id}/comments", {"content": content, "created_by": author})

    def link(self, task_id: int, url: str, *, description: str, author: str) -> None:
        tinytask_claims.link(self._client, task_id, url, description, author)

    def block(self, task_id: int, blocker_id: int, *, author: str) -> None:
        row = tinytask_claims.fetch(self._client, task_id)
        if row.currently_blocked and row.blocker not in (None, blocker_id):
            raise NotSupportedError(
                f"task {task_id} waits for {row.blocker}; TinyTask keeps one blocker per task: unblock first"
            )
        tinytask_claims.fetch(self._client, blocker_id)
        ring = ring_through([*self._snapshot().edges, (task_id, blocker_id)], [task_id])
        if ring:
            raise BlockerCycleError(f"the blockers form a cycle: {cycle_text(ring)}")
        self._change(task_id, {"blocked_by_task_id": blocker_id}, f"blocked by {blocker_id}", author)

    def unblock(self, task_id: int, blocker_id: int | None, *, author: str) -> None:
        blocker = tinytask_claims.fetch(self._client, task_id).blocker
        if blocker_id is not None and blocker != blocker_id:
            raise SignalboxError(f"task {task_id} does not wait for {blocker_id}")
        if blocker is not None:
            self._change(task_id, {"blocked_by_task_id": None}, f"no longer blocked by {blocker}", author)

    def assign(self, task_id: int, agent: str | None, *, author: str) -> None:
        words = f"assigned to {agent or 'nobody in particular'}"
        self._change(task_id, {"assigned_to": agent}, words, author)

    def move(self, task_id: int, queue: str, *, author: str) -> None:
        fields = {**self._reopened(task_id), "queue_name": queue, "assigned_to": None}
        self._change(task_id, fields, f"moved to queue {queue}", author)

    def requeue(self, task_id: int, *, author: str) -> None:
        self._change(task_id, self._reopened(task_id), "put back to idle", author)

    def complete(self, task_id: int, *, result: Any = None, author: str) -> None:
        row = tinytask_claims.fetch(self._client, task_id)
        words = "complete"
        if result is not None:
            words += f"\nresult: {json.dumps(result, ensure_ascii=False)}"
        tags = row.tags_with(failed=None, canceled=None)
        self._change(task_id, {"status": "complete", "tags": tags}, words, author)

    def fail(self, task_id: int, *, reason: str, author: str) -> None:
        self._give_up(task_id, "failed", reason, author)

    def cancel(self, task_id: int, *, reason: str, author: str) -> None:
        self._give_up(task_id, "canceled", reason, author)

    def _give_up(self, task_id: int, mark: str, reason: str, author: str) -> None:
        row = tinytask_claims.fetch(self._client, task_id)
        fields = {"status": "idle", "tags": row.tags_with(**{mark: ""})}
        self._change(task_id, fields, f"{mark}: {reason}" if reason else mark, author)

    def _reopened(self, task_id: int) -> dict[str, Any]:
        row = tinytask_claims.fetch(self._client, task_id)
        tags = row.tags_with(attempts=None, not_before=None, failed=None, canceled=None, run=None, pool=None)
        fields: dict[str, Any] = {"status": "idle", "tags": tags}
        if "pool" in row.marks:
            fields["assigned_to"] = None
        return fields

    def _change(self, task_id: int, fields: Mapping[str, Any], words: str, author: str) -> None:
        self._client.patch(f"tasks/{task_id}", fields)
        self.comment(task_id, words, author=author)

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._open(), self._ask)

    def _ask(self, task_id: int) -> Row | None:
        try:
            return tinytask_claims.fetch(self._client, task_id)
        except UnknownTaskError:
            return None

    def _open(self) -> dict[int, Row]:
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
}


def _matches(task: Task, query: TaskQuery) -> bool:
    works_on_it = task.agent == query.assigned_to and task.status is TaskStatus.WORKING
    return (
        (not query.statuses or task.status in query.statuses)
        and (not query.ids or task.id in query.ids)
        and (query.assigned_to is None or task.assigned_to == query.assigned_to or works_on_it)
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

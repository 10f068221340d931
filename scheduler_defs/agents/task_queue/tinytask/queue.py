"""Tasks of a TinyTask server, over its REST API."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

from scheduler_defs.agents.deciding import Ending, TaskStatus
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.deciding.matching.eligibility import cycle_text
from scheduler_defs.agents.deciding.matching.graph import ring_through
from scheduler_defs.agents.task_queue.cleaning import clean
from scheduler_defs.agents.task_queue.models import (
    Held,
    Settled,
    Task,
)
from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges
from scheduler_defs.agents.task_queue.protocol import (
    BlockerCycleError,
    LostTaskError,
    NotSupportedError,
    refuse_delete,
)
from scheduler_defs.agents.task_queue.signing import entries_of_adding, entry_of_deed, entry_of_ending
from scheduler_defs.agents.task_queue.tinytask import adding as tinytask_adding
from scheduler_defs.agents.task_queue.tinytask import claims as tinytask_claims
from scheduler_defs.agents.task_queue.tinytask.reading import TinyTaskReading
from scheduler_defs.agents.task_queue.tinytask.row import changed_tags
from scheduler_defs.audit.entries import Entry
from scheduler_defs.errors import SignalboxError


class TinyTaskQueue(TinyTaskReading):
    """A `TaskQueue` over `<url>/api/v1`. What TinyTask has no field for is kept in tags (`tinytask_row`)."""

    backend = "tinytask"
    knows_requests = False

    _held: Held | None = None

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 5.0,
        stack: Callable[[], str | None] = lambda: None,
        note: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        """`stack` says which stack's claims are ours; None: all are. `note`: into the audit."""
        super().__init__(url, timeout_seconds=timeout_seconds, stack=stack)
        self._note = note

    # The pass

    def from_now(self) -> TinyTaskQueue:
        other = copy(self)
        other._after = self._moment.mark()
        return other

    # A run

    def claim(self, task_id: int, request: ClaimRequest, now: dt.datetime) -> Task:
        return tinytask_claims.claim(self._client, task_id, request, now, self._stack())

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

    def on_behalf_of(self, held: Held) -> TinyTaskQueue:
        other = copy(self)
        other._held = held
        return other

    def add(self, tasks: Sequence[NewTask], *, request: str | None = None) -> list[int]:
        ids = tinytask_adding.add(self._client, tasks)
        for entry in entries_of_adding(tasks, ids):
            self._note(entry)
        return ids

    def change(self, task_id: int, changes: TaskChanges, *, author: str) -> None:
        given = changes.given()
        if unsupported := sorted({"payload", "deadline", "paths"} & given.keys()):
            raise NotSupportedError(f"task {task_id}: TinyTask cannot hold {', '.join(unsupported)}")
        row = tinytask_claims.fetch(self._client, task_id)
        fields = {name: given[name] for name in ("title", "description", "priority") if name in given}
        if tags := changed_tags(row, given):
            fields["tags"] = tags
        if fields:
            self._change(task_id, fields, f"changed: {', '.join(sorted(given))}", author)
            self._note(entry_of_deed(task_id, "changed", author, given))

    def delete(self, task_id: int) -> None:
        row = tinytask_claims.fetch(self._client, task_id)
        waiting = sorted(id for id, other in self._open().items() if other.blocker == task_id)
        refuse_delete(task_id, row.task.status, row.holder, waiting)
        self._hold_own()
        self._client.delete(f"tasks/{task_id}")
        self._note(entry_of_deed(task_id, "deleted", None, {"queue": row.task.queue}))

    def comment(self, task_id: int, content: str, *, author: str, request: str | None = None) -> None:
        tinytask_claims.comment(self._client, task_id, content, author)

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
        self._note(entry_of_deed(task_id, "blocked", author, {"blocker": blocker_id}))

    def unblock(self, task_id: int, blocker_id: int | None, *, author: str) -> None:
        blocker = tinytask_claims.fetch(self._client, task_id).blocker
        if blocker_id is not None and blocker != blocker_id:
            raise SignalboxError(f"task {task_id} does not wait for {blocker_id}")
        if blocker is not None:
            self._change(task_id, {"blocked_by_task_id": None}, f"no longer blocked by {blocker}", author)
            self._note(entry_of_deed(task_id, "unblocked", author, {"blockers": [blocker]}))

    def assign(self, task_id: int, agent: str | None, *, author: str) -> None:
        words = f"assigned to {agent or 'nobody in particular'}"
        self._change(task_id, {"assigned_to": agent}, words, author)
        self._note(entry_of_deed(task_id, "assigned", author, {"agent": agent}))

    def move(self, task_id: int, queue: str, *, author: str) -> None:
        fields = {**self._reopened(task_id), "queue_name": queue, "assigned_to": None}
        self._change(task_id, fields, f"moved to queue {queue}", author)
        self._note(entry_of_deed(task_id, "moved", author, {"queue": queue}))

    def requeue(self, task_id: int, *, author: str) -> None:
        self._change(task_id, self._reopened(task_id), "put back to idle", author)
        self._note(entry_of_deed(task_id, "requeued", author))

    def resume(self, task_id: int, *, author: str) -> None:
        row = tinytask_claims.fetch(self._client, task_id)
        if row.task.status is TaskStatus.WAITING:
            self._change(task_id, {"tags": row.tags_with(waiting=None)}, "goes on", author)
            self._note(entry_of_deed(task_id, "resumed", author))

    def complete(self, task_id: int, *, result: Any = None, author: str) -> None:
        row = tinytask_claims.fetch(self._client, task_id)
        words = "complete"
        if result is not None:
            words += f"\nresult: {json.dumps(clean(result), ensure_ascii=False)}"
        tags = row.tags_with(failed=None, canceled=None, waiting=None)
        self._change(task_id, {"status": "complete", "tags": tags}, words, author)
        self._note(entry_of_ending(task_id, TaskStatus.COMPLETE, "complete", result, author))

    def fail(self, task_id: int, *, reason: str, author: str) -> None:
        self._give_up(task_id, "failed", reason, author)

    def cancel(self, task_id: int, *, reason: str, author: str) -> None:
        self._give_up(task_id, "canceled", reason, author)

    def _give_up(self, task_id: int, mark: str, reason: str, author: str) -> None:
        row = tinytask_claims.fetch(self._client, task_id)
        fields = {"status": "idle", "tags": row.tags_with(**{"waiting": None, mark: ""})}
        words = f"{mark}: {reason}" if reason else mark
        self._change(task_id, fields, words, author)
        self._note(entry_of_ending(task_id, TaskStatus(mark), words, None, author))

    def _reopened(self, task_id: int) -> dict[str, Any]:
        row = tinytask_claims.fetch(self._client, task_id)
        gone = (
            "attempts",
            "uncounted",
            "not_before",
            "failed",
            "canceled",
            "waiting",
            "run",
            "stack",
            "pool",
        )
        tags = row.tags_with(**dict.fromkeys(gone))
        fields: dict[str, Any] = {"status": "idle", "tags": tags}
        if "pool" in row.marks:
            fields["assigned_to"] = None
        return fields

    def _change(self, task_id: int, fields: Mapping[str, Any], words: str, author: str) -> None:
        self._hold_own()
        self._client.patch(f"tasks/{task_id}", fields)
        self.comment(task_id, words, author=author)

    def _hold_own(self) -> None:
        """Make sure that the run we speak for has its task."""
        if self._held is not None:
            # The server has no compare-and-set: what is sure is that the run had its task a moment ago.
            own = tinytask_claims.fetch(self._client, self._held.task_id)
            over = own.task.status not in (TaskStatus.IDLE, TaskStatus.WORKING)
            if over or not tinytask_claims.still_held(self._client, own, self._held.run_id):
                raise LostTaskError(self._held.lost(own.task.status))

"""A run takes a task in Postgres, and tells how it ended: each in one transaction of the caller."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Blocker, Ending, Holding, TaskStatus, Verdict, settle
from scheduler_defs.agents.deciding.claiming import ClaimRequest, TaskNow, refusal
from scheduler_defs.agents.task_queue.cleaning import LONGEST_KEPT, clean, clean_text
from scheduler_defs.agents.task_queue.models import Settled
from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.agents.task_queue.protocol import NotNeededError, UnknownTaskError
from scheduler_defs.agents.task_queue.wording import AUTHOR, claimed_comment, settled_comment

_FINAL = {
    Verdict.COMPLETE: TaskStatus.COMPLETE,
    Verdict.DEAD_LETTER: TaskStatus.FAILED,
    Verdict.CANCEL: TaskStatus.CANCELED,
}


def claim(connection: sa.Connection, task_id: int, request: ClaimRequest, now: dt.datetime) -> None:
    """As `TaskQueue.claim`. The row's lock lets one run decide after the other."""
    row = lock(connection, task_id)
    if row.status == TaskStatus.WORKING and row.run_id == request.run_id:
        return
    blockers = connection.execute(statement("unfinished_blockers"), {"id": task_id})
    seen = TaskNow(
        status=TaskStatus(row.status),
        queue=row.queue,
        assigned_to=row.assigned_to,
        capabilities=tuple(row.capabilities),
        not_before=row.not_before,
        attempts=row.attempts,
        held_by=row.run_id,
        blockers=tuple(Blocker(blocker.id, blocker.status) for blocker in blockers),
    )
    why = refusal(seen, request, now)
    if why is not None:
        raise NotNeededError(f"task {task_id}: {why}")
    values = {"id": task_id, "agent": request.agent, "run_id": request.run_id, "now": now}
    connection.execute(statement("claim"), values)
    comment(connection, task_id, claimed_comment(request, row.attempts + 1), AUTHOR)
    if request.link:
        link(connection, task_id, request.link, f"run {request.run_id}", AUTHOR)


def settle_task(
    connection: sa.Connection,
    task_id: int,
    request: ClaimRequest,
    ending: Ending,
    *,
    detail: str,
    result: Any,
    wait: dt.timedelta | None,
    now: dt.datetime,
) -> Settled:
    """As `TaskQueue.settle`."""
    row = lock(connection, task_id)
    holding = Holding(
        TaskStatus(row.status),
        row.status == TaskStatus.WORKING and row.run_id == request.run_id,
        row.attempts,
        request.max_attempts,
        row.uncounted,
    )
    settlement = settle(holding, ending, detail=detail, wait=wait, now=now)
    match settlement.verdict:
        case Verdict.LEAVE:
            pass
        case Verdict.RETRY | Verdict.GIVE_BACK:
            values = {
                "id": task_id,
                "now": now,
                "not_before": settlement.not_before,
                "given_back": int(settlement.verdict is Verdict.GIVE_BACK),
                "lost": int(ending is Ending.WORKER_LOST),
            }
            connection.execute(statement("back_to_idle"), values)
        case Verdict.ASK:
            connection.execute(statement("wait_for_human"), {"id": task_id, "now": now})
        case Verdict.COMPLETE | Verdict.DEAD_LETTER | Verdict.CANCEL:
            finish(connection, task_id, _FINAL[settlement.verdict], result, now)
    if row.run_id == request.run_id:
        comment(connection, task_id, settled_comment(request, settlement), AUTHOR)
    status = TaskStatus(lock(connection, task_id).status)
    return Settled(settlement.verdict, status, settlement.why, row.run_id == request.run_id)


def lock(connection: sa.Connection, task_id: int) -> sa.Row[Any]:
    """The task's state; nobody else changes it until the transaction ends. Raises UnknownTaskError."""
    row = connection.execute(statement("lock_task"), {"id": task_id}).one_or_none()
    if row is None:
        raise UnknownTaskError(f"no task {task_id}")
    return row


def finish(
    connection: sa.Connection, task_id: int, status: TaskStatus, result: Any, now: dt.datetime
) -> None:
    """To a final state; a result of None leaves an earlier one."""
    text = None if result is None else json.dumps(clean(result))
    values = {"id": task_id, "status": status.value, "result": text, "now": now}
    connection.execute(statement("finish"), values)


def comment(connection: sa.Connection, task_id: int, content: str, author: str) -> None:
    """Leave a comment."""
    values = {
        "id": task_id,
        "content": clean_text(content, longest=LONGEST_KEPT),
        "author": clean_text(author),
    }
    connection.execute(statement("add_comment"), values)


def link(connection: sa.Connection, task_id: int, url: str, description: str, author: str) -> None:
    """Attach a page; the same URL again changes nothing."""
    values = {"id": task_id, "url": url, "description": description, "author": author}
    connection.execute(statement("add_link"), values)

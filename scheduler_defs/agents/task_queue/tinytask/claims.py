"""How a run takes a task from a TinyTask server, and gives it back: the server itself has no compare-and-set.

A claim goes through `signup`, which is atomic: the task is assigned to a token that only this run knows, and
then signed up for under that name. Of several runs that do so at once, the last to assign wins the sign-up;
for the others there is nothing to sign up for.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import quote

from scheduler_defs.agents.deciding import Blocker, Ending, Holding, Settlement, TaskStatus, Verdict, settle
from scheduler_defs.agents.deciding.claiming import ClaimRequest, TaskNow, refusal
from scheduler_defs.agents.task_queue.cleaning import LONGEST_KEPT, clean, clean_text
from scheduler_defs.agents.task_queue.models import Settled, Task
from scheduler_defs.agents.task_queue.protocol import NotNeededError
from scheduler_defs.agents.task_queue.tinytask.client import RefusedError, TinyTaskClient
from scheduler_defs.agents.task_queue.tinytask.row import Row, claim_token, claim_token_parts, read_row
from scheduler_defs.agents.task_queue.wording import AUTHOR, claimed_comment, settled_comment

_REPAIRS = 3


def fetch(client: TinyTaskClient, task_id: int) -> Row:
    """One task as it is now. Raises UnknownTaskError."""
    document = client.get(f"tasks/{task_id}")
    with client.understanding():
        return read_row(document)


def claim(
    client: TinyTaskClient, task_id: int, request: ClaimRequest, now: dt.datetime, stack: str | None
) -> Task:
    """As `TaskQueue.claim`. `stack` marks whose claim it is."""
    row = fetch(client, task_id)
    if row.server_status is TaskStatus.WORKING and row.marks.get("run") == request.run_id:
        return row.task
    why = refusal(_task_now(client, row), request, now)
    if why is not None:
        raise NotNeededError(f"task {task_id}: {why}")
    _sign_up(client, row, request, stack)
    attempt = row.task.attempts + 1
    tags = row.tags_with(
        run=request.run_id,
        stack=stack,
        agent=request.agent,
        attempts=str(attempt),
        pool="" if row.task.assigned_to is None else None,
        not_before=None,
    )
    client.patch(f"tasks/{task_id}", {"assigned_to": request.agent, "tags": tags})
    claimed = _repaired(client, task_id, request)
    comment(client, task_id, claimed_comment(request, attempt), AUTHOR)
    if request.link:
        link(client, task_id, request.link, f"run {request.run_id}", AUTHOR)
    return claimed


def settle_task(
    client: TinyTaskClient,
    task_id: int,
    request: ClaimRequest,
    ending: Ending,
    *,
    detail: str,
    result: Any,
    wait: dt.timedelta | None,
    now: dt.datetime,
) -> Settled:
    """As `TaskQueue.settle`. A result is kept in the comment."""
    row = fetch(client, task_id)
    settlement = settle(_holding(client, row, request), ending, detail=detail, wait=wait, now=now)
    changes = _changes(row, request, settlement, lost=int(ending is Ending.WORKER_LOST))
    if changes:
        client.patch(f"tasks/{task_id}", changes)
    said = settled_comment(request, settlement)
    if result is not None and settlement.verdict is Verdict.COMPLETE:
        import json

        said += "\nresult: " + json.dumps(clean(result), ensure_ascii=False)
    if row.holder == request.run_id:
        comment(client, task_id, said, AUTHOR)
    status = fetch(client, task_id).task.status
    return Settled(settlement.verdict, status, settlement.why, row.holder == request.run_id)


def comment(client: TinyTaskClient, task_id: int, content: str, author: str) -> None:
    """Leave a comment."""
    client.post(
        f"tasks/{task_id}/comments",
        {"content": clean_text(content, longest=LONGEST_KEPT), "created_by": author},
    )


def link(client: TinyTaskClient, task_id: int, url: str, description: str, author: str) -> None:
    """Attach a page; the same URL again changes nothing."""
    if any(found.get("url") == url for found in client.get(f"tasks/{task_id}/links")):
        return
    client.post(f"tasks/{task_id}/links", {"url": url, "description": description, "created_by": author})


def has_subtasks(client: TinyTaskClient, task_id: int) -> bool:
    """Whether the server derives the task's status from subtasks."""
    return bool(client.get(f"tasks/{task_id}/subtasks"))


def _task_now(client: TinyTaskClient, row: Row) -> TaskNow:
    blockers: tuple[Blocker, ...] = ()
    if row.currently_blocked and row.blocker is not None:
        blockers = (Blocker(row.blocker, fetch(client, row.blocker).task.status.value),)
    status = row.task.status
    if status is TaskStatus.IDLE and "run" in row.marks and has_subtasks(client, row.task.id):
        status = TaskStatus.WORKING  # idle only because a subtask was added to it
    return TaskNow(
        status=status,
        queue=row.task.queue,
        assigned_to=row.task.assigned_to,
        capabilities=row.task.capabilities,
        not_before=row.task.not_before,
        attempts=row.task.attempts,
        held_by=row.holder,
        blockers=blockers,
        archived=row.archived,
    )


def _sign_up(client: TinyTaskClient, row: Row, request: ClaimRequest, stack: str | None) -> None:
    """Make the task ours. Raises NotNeededError when another run was faster."""
    token = claim_token(row.task.assigned_to, request.run_id, stack)
    client.patch(f"tasks/{row.task.id}", {"assigned_to": token})
    try:
        won = client.post(f"agents/{quote(token, safe='')}/signup", {})
    except RefusedError as refused:
        if refused.status != 404:
            raise
        _withdraw(client, row.task.id, token)
        raise NotNeededError(f"task {row.task.id}: another run was faster") from None
    if int(won["id"]) != row.task.id:  # cannot be: the token is this run's alone
        raise NotNeededError(f"task {row.task.id}: the server gave task {won['id']} instead")


def _withdraw(client: TinyTaskClient, task_id: int, token: str) -> None:
    """Undo our assignment, unless somebody has already overwritten it: to the winner, or to whom it was."""
    row = fetch(client, task_id)
    if row.assigned_to == token:
        winner = row.marks.get("agent") if "run" in row.marks else None
        client.patch(f"tasks/{task_id}", {"assigned_to": winner or row.task.assigned_to})


def _repaired(client: TinyTaskClient, task_id: int, request: ClaimRequest) -> Task:
    """The task after the claim, with a loser's late assignment overwritten."""
    for _ in range(_REPAIRS):
        row = fetch(client, task_id)
        if row.assigned_to == request.agent:
            break
        client.patch(f"tasks/{task_id}", {"assigned_to": request.agent})
    return fetch(client, task_id).task


def still_held(client: TinyTaskClient, row: Row, run_id: str) -> bool:
    """Whether a run's claim on the task stands.

    A task that is idle under its mark was reset by a person, or by the server when a subtask was added to it;
    only in the second case has it subtasks.
    """
    ours = row.holder == run_id and not row.archived
    if ours and row.server_status is TaskStatus.IDLE:
        return has_subtasks(client, row.task.id)
    return ours


def _holding(client: TinyTaskClient, row: Row, request: ClaimRequest) -> Holding:
    ours = still_held(client, row, request.run_id)
    status = row.task.status
    if ours and status is TaskStatus.IDLE:
        status = TaskStatus.WORKING
    return Holding(status, ours, row.task.attempts, request.max_attempts, row.uncounted)


def _changes(row: Row, request: ClaimRequest, settlement: Settlement, *, lost: int) -> dict[str, Any]:
    """The fields to change, in one request: status, our marks, and whom it is assigned to."""
    if row.holder != request.run_id:
        return {}
    back_to_pool = "pool" in row.marks and row.assigned_to == request.agent
    token = claim_token_parts(row.assigned_to)
    changes: dict[str, Any] = {}
    match settlement.verdict:
        case Verdict.COMPLETE:
            changes = {"status": "complete", "tags": row.released()}
        case Verdict.RETRY:
            not_before = settlement.not_before
            stamp = not_before.astimezone(dt.UTC).isoformat() if not_before else None
            changes = {
                "status": "idle",
                "tags": row.released(not_before=stamp),
            }
        case Verdict.GIVE_BACK:
            not_before = settlement.not_before
            tags = row.released(
                not_before=not_before.astimezone(dt.UTC).isoformat() if not_before else None,
                attempts=str(max(0, row.task.attempts - 1)),
                uncounted=str(row.uncounted + lost) if row.uncounted + lost else None,
            )
            changes = {"status": "idle", "tags": tags}
        case Verdict.ASK:
            tags = row.released(waiting="", attempts=str(max(0, row.task.attempts - 1)))
            changes = {"status": "idle", "tags": tags}
        case Verdict.DEAD_LETTER:
            changes = {"status": "idle", "tags": row.released(failed="")}
        case Verdict.CANCEL:
            changes = {"status": "idle", "tags": row.released(canceled="")}
        case Verdict.LEAVE:
            moved = row.task.status is TaskStatus.IDLE and row.task.queue != request.queue
            changes = {
                "tags": row.tags_with(
                    run=None, stack=None, pool=None, **({"attempts": None} if moved else {})
                )
            }
    if token is not None:
        changes["assigned_to"] = token[0]
    elif back_to_pool and settlement.verdict is not Verdict.COMPLETE:
        changes["assigned_to"] = None
    return changes

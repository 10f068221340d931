"""What is done to a task, by people, and by the agent that has it: said, blocked, ended, called off."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from scheduler_defs.access.table import Action, Subject
from scheduler_defs.acting.agent_queues import tasks as acting
from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.questions.answering import answer
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.web.rest.asking import LARGEST, DryRun, Id, Steering
from scheduler_defs.web.rest.routes.tasks.lease import Leased, LeaseHeader, Text, settle, speaker

router = APIRouter(prefix="/tasks/{task_id}", tags=["tasks"])


class Comment(Leased):
    """What to say."""

    text: Text


class Block(Leased):
    """The task to wait for."""

    blocker: int = Field(ge=1, le=LARGEST)


class Unblock(Leased):
    """The task not to wait for any more; without it, any."""

    blocker: int | None = Field(None, ge=1, le=LARGEST)


class Answer(BaseModel):
    """What the agent is told."""

    text: Text


class Done(Leased):
    """What came of it."""

    result: Any = None


class Failure(Leased):
    """Why; `retry` makes it one failed attempt instead of giving the task up."""

    reason: str = Field("", max_length=10_000)
    retry: bool = False


class Reason(BaseModel):
    """Why."""

    reason: str = Field("", max_length=10_000)


@router.post("/comment")
def comment(
    asking: Steering, task_id: Id, given: Comment, token: LeaseHeader = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Leave a comment."""
    found = speaker(asking, task_id, given, token)
    if dry_run:
        return found.would()
    request = asking.request_to(found.place.task_queue)
    found.place.task_queue.comment(task_id, given.text, author=found.author, request=request)
    return found.answer()


@router.post("/block")
def block(
    asking: Steering, task_id: Id, given: Block, token: LeaseHeader = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Let it wait for another task."""
    found = speaker(asking, task_id, given, token)
    if dry_run:
        found.place.task_queue.get(given.blocker)
        return found.would(blocked_by=sorted({*found.task.blocked_by, given.blocker}), blocked=True)
    found.place.task_queue.block(task_id, given.blocker, author=found.author)
    return found.answer()


@router.post("/unblock")
def unblock(
    asking: Steering,
    task_id: Id,
    given: Unblock | None = None,
    token: LeaseHeader = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Let it no longer wait for another task, or for any."""
    found = speaker(asking, task_id, given, token)
    if dry_run:
        blocker = given.blocker if given else None
        left = [each for each in found.task.blocked_by if blocker is not None and each != blocker]
        return found.would(blocked_by=left)
    found.place.task_queue.unblock(task_id, given.blocker if given else None, author=found.author)
    return found.answer()


@router.post("/answer")
def answer_question(asking: Steering, task_id: Id, given: Answer, dry_run: DryRun = False) -> dict[str, Any]:
    """Answer what its agent has asked; the task goes on."""
    found = speaker(asking, task_id, None, None)
    if dry_run:
        return found.would(status="idle")
    answer(found.place.engine, found.place.task_queue, task_id, given.text, by=found.author)
    return found.answer()


@router.post("/complete")
def complete(
    asking: Steering,
    task_id: Id,
    given: Done | None = None,
    token: LeaseHeader = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """It is done."""
    found = speaker(asking, task_id, given, token)
    if dry_run:
        return found.would(status="complete", result=given.result if given else None)
    result = given.result if given else None
    if found.lease is not None:
        return settle(found, Ending.SUCCESS, detail="done", result=result)
    found.place.task_queue.complete(task_id, result=result, author=found.author)
    return found.answer()


@router.post("/fail")
def fail(
    asking: Steering,
    task_id: Id,
    given: Failure | None = None,
    token: LeaseHeader = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Give it up: it goes to the dead-letter state, and a person decides."""
    found = speaker(asking, task_id, given, token)
    if dry_run:
        again = found.lease is not None and given is not None and given.retry
        return found.would(status="idle" if again else "failed")
    wanted = given or Failure.model_validate({})
    if found.lease is not None:
        return settle(found, Ending.ERROR, detail=wanted.reason or "failed", gave_up=not wanted.retry)
    found.place.task_queue.fail(task_id, reason=wanted.reason, author=found.author)
    return found.answer()


@router.post("/requeue")
def requeue(asking: Steering, task_id: Id, dry_run: DryRun = False) -> dict[str, Any]:
    """Back to idle, with all its attempts before it."""
    found = speaker(asking, task_id, None, None)
    if dry_run:
        return {**task_object(found.task), "status": "idle", "attempts": 0}
    acting.requeue(found.place, [found.task], author=found.author)
    return found.answer()


@router.post("/cancel")
def cancel(
    asking: Steering, task_id: Id, given: Reason | None = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """It is not to be done any more; its run is cancelled, too."""
    found = speaker(asking, task_id, None, None)
    if dry_run:
        return {**task_object(found.task), "status": "canceled"}
    reason = given.reason if given else ""
    client = asking.require(Action.STEER, Subject(queue=found.task.queue))
    acting.cancel_task(found.place, task_id, reason=reason, author=found.author, client=lambda: client)
    return found.answer()

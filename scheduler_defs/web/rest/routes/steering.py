"""What is done to a task: by people, and by agents from outside with the lease token of their claim.

The token comes in the header `Signalbox-Lease` or as `lease` in the body. Who brings one speaks for the
task's agent; once the lease has run out or the task is lost, that is refused with 409.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from scheduler_defs.access.table import Action, Subject
from scheduler_defs.acting.agent_queues import claims
from scheduler_defs.acting.agent_queues import tasks as acting
from scheduler_defs.acting.place import Place
from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.pool.leases import LONGEST_SECONDS, SECONDS, TaskLease
from scheduler_defs.agents.questions.answering import answer
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.task_queue.shown import task_object
from scheduler_defs.web.rest.asking import LARGEST, DryRun, Id, Steering
from scheduler_defs.web.rest.routes.tasks import changed, steered

router = APIRouter(prefix="/tasks/{task_id}", tags=["tasks"])

LeaseHeader = Annotated[str | None, Header(alias="Signalbox-Lease", description="Token of the claim.")]
Text = Annotated[str, Field(min_length=1, max_length=100_000)]


class Leased(BaseModel):
    """What may come with a lease."""

    lease: str | None = Field(None, description="Token of the claim; or as the header Signalbox-Lease.")


class Claim(BaseModel):
    """For which agent, and for how long without a heartbeat."""

    agent: str
    seconds: int = Field(SECONDS, ge=1, le=LONGEST_SECONDS)


class Comment(Leased):
    """What to say."""

    text: Text


class Block(Leased):
    """The task to wait for."""

    blocker: int = Field(ge=1, le=LARGEST)


class Unblock(Leased):
    """The task not to wait for any more; without it, any."""

    blocker: int | None = Field(None, ge=1, le=LARGEST)


class Question(Leased):
    """What a human is asked."""

    question: Text


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


@dataclass(frozen=True)
class _Steered:
    place: Place
    task: Task
    lease: TaskLease | None
    author: str

    def would(self, **then: Any) -> dict[str, Any]:
        """The task as it would be."""
        return {**task_object(self.task), **then}

    def answer(self) -> dict[str, Any]:
        changed(self.place)
        return task_object(self.place.task_queue.get(self.task.id))


@router.post("/claim")
def claim(asking: Steering, task_id: Id, given: Claim, dry_run: DryRun = False) -> dict[str, Any]:
    """Take the task for an agent: the task, and `lease` with `lease_expires`. The token is shown once."""
    place, _ = steered(asking, task_id)
    if dry_run:
        return task_object(claims.claimable(place, task_id, given.agent, now=dt.datetime.now(dt.UTC)))
    found = claims.claim(
        place,
        task_id,
        given.agent,
        holder=asking.principal.name,
        seconds=given.seconds,
        now=dt.datetime.now(dt.UTC),
    )
    return {**task_object(found.task), "lease": found.token, "lease_expires": found.expires}


@router.post("/heartbeat")
def heartbeat(
    asking: Steering,
    task_id: Id,
    given: Leased | None = None,
    token: LeaseHeader = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Keep the task for as long again; 409 once it is lost."""
    found = _holding(asking, task_id, given, token)
    if dry_run:
        return {"id": task_id, "lease_expires": found.lease.expires_at if found.lease else None}
    assert found.lease is not None
    return {"id": task_id, "lease_expires": claims.heartbeat(found.place, found.lease)}


@router.post("/comment")
def comment(
    asking: Steering, task_id: Id, given: Comment, token: LeaseHeader = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Leave a comment."""
    found = _found(asking, task_id, given, token)
    if dry_run:
        return found.would()
    found.place.task_queue.comment(task_id, given.text, author=found.author)
    return found.answer()


@router.post("/block")
def block(
    asking: Steering, task_id: Id, given: Block, token: LeaseHeader = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Let it wait for another task."""
    found = _found(asking, task_id, given, token)
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
    found = _found(asking, task_id, given, token)
    if dry_run:
        blocker = given.blocker if given else None
        left = [each for each in found.task.blocked_by if blocker is not None and each != blocker]
        return found.would(blocked_by=left)
    found.place.task_queue.unblock(task_id, given.blocker if given else None, author=found.author)
    return found.answer()


@router.post("/ask")
def ask(
    asking: Steering, task_id: Id, given: Question, token: LeaseHeader = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Ask a human: the task waits for the answer, and the slot is free."""
    found = _holding(asking, task_id, given, token)
    if dry_run:
        return found.would(status="waiting")
    return _settled(found, Ending.QUESTION, question=given.question)


@router.post("/answer")
def answer_question(asking: Steering, task_id: Id, given: Answer, dry_run: DryRun = False) -> dict[str, Any]:
    """Answer what its agent has asked; the task goes on."""
    found = _found(asking, task_id, None, None)
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
    found = _found(asking, task_id, given, token)
    if dry_run:
        return found.would(status="complete", result=given.result if given else None)
    result = given.result if given else None
    if found.lease is not None:
        return _settled(found, Ending.SUCCESS, detail="done", result=result)
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
    found = _found(asking, task_id, given, token)
    if dry_run:
        again = found.lease is not None and given is not None and given.retry
        return found.would(status="idle" if again else "failed")
    wanted = given or Failure.model_validate({})
    if found.lease is not None:
        return _settled(found, Ending.ERROR, detail=wanted.reason or "failed", gave_up=not wanted.retry)
    found.place.task_queue.fail(task_id, reason=wanted.reason, author=found.author)
    return found.answer()


@router.post("/release")
def release(
    asking: Steering,
    task_id: Id,
    given: Leased | None = None,
    token: LeaseHeader = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Give it back to its queue; no attempt is counted."""
    found = _holding(asking, task_id, given, token)
    if dry_run:
        return found.would(status="idle")
    return _settled(found, Ending.UNREADY, detail="released")


@router.post("/requeue")
def requeue(asking: Steering, task_id: Id, dry_run: DryRun = False) -> dict[str, Any]:
    """Back to idle, with all its attempts before it."""
    found = _found(asking, task_id, None, None)
    if dry_run:
        return {**task_object(found.task), "status": "idle", "attempts": 0}
    acting.requeue(found.place, [found.task], author=found.author)
    return found.answer()


@router.post("/cancel")
def cancel(
    asking: Steering, task_id: Id, given: Reason | None = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """It is not to be done any more; its run is cancelled, too."""
    found = _found(asking, task_id, None, None)
    if dry_run:
        return {**task_object(found.task), "status": "canceled"}
    reason = given.reason if given else ""
    client = asking.require(Action.STEER, Subject(queue=found.task.queue))
    acting.cancel_task(found.place, task_id, reason=reason, author=found.author, client=lambda: client)
    return found.answer()


def _found(asking: Steering, task_id: int, given: Leased | None, header: str | None) -> _Steered:
    place, task = steered(asking, task_id)
    token = header or (given.lease if given else None)
    if token is None:
        return _Steered(place, task, None, asking.principal.name)
    lease = claims.held(place, task_id, token)
    return _Steered(claims.on_behalf(place, lease), task, lease, lease.agent)


def _holding(asking: Steering, task_id: int, given: Leased | None, header: str | None) -> _Steered:
    found = _found(asking, task_id, given, header)
    if found.lease is None:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "this is for who has claimed the task: send the lease token as Signalbox-Lease",
        )
    return found


def _settled(
    found: _Steered,
    ending: Ending,
    *,
    detail: str = "",
    result: Any = None,
    question: str = "",
    gave_up: bool = False,
) -> dict[str, Any]:
    assert found.lease is not None
    task = claims.settle(
        found.place,
        found.lease,
        ending,
        detail=detail,
        result=result,
        question=question,
        gave_up=gave_up,
        now=dt.datetime.now(dt.UTC),
    )
    changed(found.place)
    return task_object(task)

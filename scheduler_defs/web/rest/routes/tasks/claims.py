"""What an agent from outside does with a task: claim it, keep it, ask a human, give it back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from scheduler_defs.acting.agent_queues import claims
from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.pool.leases import LONGEST_SECONDS, SECONDS
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.web.rest.asking import DryRun, Id, Steering
from scheduler_defs.web.rest.routes.tasks.lease import Leased, LeaseHeader, Text, holder, settle
from scheduler_defs.web.rest.routes.tasks.task import steerable

router = APIRouter(prefix="/tasks/{task_id}", tags=["tasks"])


class Claim(BaseModel):
    """For which agent, and for how long without a heartbeat."""

    agent: str
    seconds: int = Field(SECONDS, ge=1, le=LONGEST_SECONDS)


class Question(Leased):
    """What a human is asked."""

    question: Text


@router.post("/claim")
def claim(asking: Steering, task_id: Id, given: Claim, dry_run: DryRun = False) -> dict[str, Any]:
    """Take the task for an agent: the task, and `lease` with `lease_expires`. The token is shown once."""
    place, _ = steerable(asking, task_id)
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
    found = holder(asking, task_id, given, token)
    if dry_run:
        return {"id": task_id, "lease_expires": found.lease.expires_at if found.lease else None}
    assert found.lease is not None
    return {"id": task_id, "lease_expires": claims.heartbeat(found.place, found.lease)}


@router.post("/ask")
def ask(
    asking: Steering, task_id: Id, given: Question, token: LeaseHeader = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Ask a human: the task waits for the answer, and the slot is free."""
    found = holder(asking, task_id, given, token)
    if dry_run:
        return found.would(status="waiting")
    return settle(found, Ending.QUESTION, question=given.question)


@router.post("/release")
def release(
    asking: Steering,
    task_id: Id,
    given: Leased | None = None,
    token: LeaseHeader = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Give it back to its queue; no attempt is counted."""
    found = holder(asking, task_id, given, token)
    if dry_run:
        return found.would(status="idle")
    return settle(found, Ending.UNREADY, detail="released")

"""The audit, and what waits for a person."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.exceptions import HTTPException

from scheduler_defs import database
from scheduler_defs.access.table import Action
from scheduler_defs.acting.inbox import put_off
from scheduler_defs.acting.verifying import verify_chain
from scheduler_defs.audit.store import Query as Wanted
from scheduler_defs.audit.store import as_rows, read
from scheduler_defs.settings import settings
from scheduler_defs.upkeep.doctor.checks import Patient, examine
from scheduler_defs.web.rest.asking import Cursor, DryRun, Limit, Looking, Steering

router = APIRouter(tags=["records"])

Text = Annotated[str | None, Query(max_length=300)]


class PuttingOff(BaseModel):
    """Which entry, and until when; without an end, for good."""

    id: str = Field(min_length=1, max_length=500)
    until: AwareDatetime | None = None


@router.get("/health")
def health(asking: Looking) -> dict[str, Any]:
    """What `signalbox doctor` finds, with what to do. `/health/ready` is for load balancers."""
    place = asking.place()
    patient = Patient(
        settings(), place.declarations, place.engine, os.environ, lambda: dt.datetime.now(dt.UTC)
    )
    checks = list(examine(patient))
    return {"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]}


@router.get("/audit")
def audit(
    _: Looking,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    actor: Text = None,
    action: Text = None,
    subject: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Who changed what, newest first. `action` also stands for all that begin with it and a dot."""
    if cursor is not None and not cursor.isdecimal():
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "`cursor` is the `next` of a page")
    before = int(cursor) if cursor else None
    wanted = Wanted(since, until, actor, action, subject, before_id=before, most=limit + 1)
    with database.engine().connect() as connection:
        found = read(connection, wanted)
    following = str(found[limit - 1].id) if len(found) > limit else None
    return {"items": as_rows(found[:limit]), "next": following}


@router.get("/audit/verify")
def verify(
    asking: Looking,
    from_: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    to: AwareDatetime | None = None,
) -> dict[str, Any]:
    """Whether an entry was changed, removed, inserted, reordered or cut off.

    Also held against the checkpoints in every declared place.
    """
    folder = settings().state / "audit"
    places = asking.place().declarations.audit.checkpoints
    return verify_chain(database.engine(), folder, since=from_, until=to, places=places).document


@router.get("/inbox")
def inbox(asking: Looking) -> list[dict[str, Any]]:
    """What waits for a person, the oldest first."""
    return asking.inbox()


@router.post("/inbox/put_off")
def put_entry_off(asking: Steering, given: PuttingOff, dry_run: DryRun = False) -> dict[str, Any]:
    """Leave an entry out of the inbox for a while, or for good. A question can still be answered."""
    asking.require(Action.STEER)
    if not dry_run:
        put_off(database.engine(), given.id, until=given.until, by=asking.principal.name)
    return {"id": given.id, "until": given.until}

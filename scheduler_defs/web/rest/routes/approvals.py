"""Approvals: what waits for people to agree, and what they say."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, StringConstraints

from scheduler_defs import database
from scheduler_defs.access.table import Action
from scheduler_defs.approvals import deciding
from scheduler_defs.approvals.reading import newest, waiting
from scheduler_defs.web.rest.asking import Asking, DryRun, Id, Looking, Needs

router = APIRouter(prefix="/approvals", tags=["approvals"])

Approving = Annotated[Asking, Depends(Needs(Action.APPROVE))]


class Denial(BaseModel):
    """Why not."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


@router.get("")
def list_approvals(_: Looking, all: bool = False) -> list[dict[str, Any]]:
    """What is to be decided, oldest first; with `all`, the newest, decided ones included."""
    with database.engine().connect() as connection:
        return newest(connection) if all else waiting(connection)


@router.post("/{approval}/approve")
def approve(asking: Approving, approval: Id, dry_run: DryRun = False) -> dict[str, Any]:
    """Agree; twice is once. The run starts when as many people have agreed as it needs."""
    return deciding.approve(database.engine(), approval, asking.principal, dry_run=dry_run)


@router.post("/{approval}/deny")
def deny(asking: Approving, approval: Id, given: Denial, dry_run: DryRun = False) -> dict[str, Any]:
    """Object: the run ends, canceled, with the reason."""
    return deciding.deny(database.engine(), approval, asking.principal, given.reason, dry_run=dry_run)

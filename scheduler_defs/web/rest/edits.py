"""Schedules' declarations: add, change, remove. The files are what is changed; nothing faulty is written."""

from __future__ import annotations

import datetime as dt
import hashlib
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scheduler_defs import database
from scheduler_defs.access.table import Action
from scheduler_defs.acting.editing import write
from scheduler_defs.declarations.editing.edit import Edit, Editor
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.explaining.reading import reading_of
from scheduler_defs.settings import settings
from scheduler_defs.timing import occurrences
from scheduler_defs.web.rest.asking import DryRun, Editing, Looking

_SHOWN = 10
"""Coming occurrences that a dry run shows."""
router = APIRouter(prefix="/schedules", tags=["declarations"])
IfMatch = Annotated[str | None, Header(alias="If-Match", description="The ETag that was read.")]


class NewSchedule(BaseModel):
    """A schedule to declare: its name, its entry as in the file, and perhaps which file."""

    name: str
    entry: dict[str, Any]
    file: str | None = None


class Changes(BaseModel):
    """Keys and values as in the file; dots lead into mappings, null takes a key away."""

    changes: dict[str, Any] = Field(min_length=1)


@router.post("", status_code=201)
def add(asking: Editing, response: Response, given: NewSchedule, dry_run: DryRun = False) -> dict[str, Any]:
    """Declare a schedule."""
    asking.require(Action.EDIT)
    answer = _finish(_editor().add(given.name, given.entry, file=given.file), dry_run)
    if dry_run:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/api/v1/schedules/{given.name}"
    return answer


@router.get("/{name}/declaration")
def declaration(asking: Looking, response: Response, name: str) -> dict[str, Any]:
    """As it is declared, where, and the ETag for changing it."""
    _, schedule, _ = asking.schedule(name)
    response.headers["ETag"] = etag(schedule)
    shown = schedule.model_dump(mode="json", exclude={"timing", "policies"}, exclude_defaults=True)
    return {"name": name, "position": str(schedule.source), "declared": shown}


@router.patch("/{name}")
def change(
    asking: Editing, name: str, given: Changes, dry_run: DryRun = False, if_match: IfMatch = None
) -> dict[str, Any]:
    """Change keys of a schedule."""
    _, schedule, subject = asking.schedule(name)
    asking.require(Action.EDIT, subject)
    _unchanged(schedule, if_match)
    return _finish(_editor().set(name, given.changes), dry_run)


@router.delete("/{name}")
def remove(asking: Editing, name: str, dry_run: DryRun = False, if_match: IfMatch = None) -> dict[str, Any]:
    """Take a schedule out of its file."""
    _, schedule, subject = asking.schedule(name)
    asking.require(Action.EDIT, subject)
    _unchanged(schedule, if_match)
    return _finish(_editor().remove(name), dry_run)


def _editor() -> Editor:
    where = settings()
    return Editor(where.config, recipes=where.recipes, now=dt.datetime.now(dt.UTC))


def entry_of(name: str) -> dict[str, Any]:
    """A schedule's entry as its file has it. Raises SignalboxError."""
    return _editor().entry(name)


def _finish(edit: Edit, dry_run: bool) -> dict[str, Any]:
    written = edit.changed and not dry_run
    if written:
        write(edit, database.engine())
    schedule = _editor().declared(edit) if dry_run else None
    return {
        **(_tried(schedule) if dry_run else {}),
        "name": edit.name,
        "file": edit.path.name,
        "changed": edit.changed,
        "written": written,
        "diff": edit.diff,
    }


def _tried(schedule: Schedule | None) -> dict[str, Any]:
    """When it would be due, and its rule in words."""
    if schedule is None:
        return {"next": [], "reads": None, "timezone": None}
    coming = occurrences(schedule.timing, dt.datetime.now(dt.UTC), schedule.policies)
    return {
        "next": [due.isoformat() for due in islice(coming, _SHOWN)],
        "reads": reading_of(schedule),
        "timezone": schedule.timezone,
    }


def etag(schedule: Schedule) -> str:
    """Changes with the file in which it stands: whoever edits anything in it makes the reader look again."""
    file = settings().config / Path(schedule.source.file).name
    return f'"{hashlib.sha256(file.read_bytes()).hexdigest()[:32]}"'


def _unchanged(schedule: Schedule, if_match: str | None) -> None:
    if if_match is not None and if_match not in ("*", etag(schedule)):
        raise HTTPException(
            HTTPStatus.PRECONDITION_FAILED,
            f"{schedule.source.file} has been changed meanwhile; read it again",
        )

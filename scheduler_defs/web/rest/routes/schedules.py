"""Schedules: list, show, run, switch, pause, history, and what is to come."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from scheduler_defs import database, launching
from scheduler_defs.access.table import Action
from scheduler_defs.acting.runs.launch import run_now
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.facts.pauses import Pause, check_end, pause, read_pauses, resume
from scheduler_defs.evaluation.records import read_recorded
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.history import history
from scheduler_defs.graphql.rest import FAULTS_HEADER
from scheduler_defs.graphql.schedules import schedule_objects, switch
from scheduler_defs.timing import occurrences
from scheduler_defs.web.access.subjects import declared, faults
from scheduler_defs.web.rest.asking import Cursor, DryRun, Limit, Looking, Running, Switching, page
from scheduler_defs.web.rest.edits import etag

router = APIRouter(prefix="/schedules", tags=["schedules"])


class RunNow(BaseModel):
    """How a schedule's job is run now."""

    config: dict[str, Any] = Field(default_factory=dict)
    reason: str | None = Field(None, max_length=500)
    force: bool = False


class Pausing(BaseModel):
    """Why, and until when; without an end, until it is resumed."""

    reason: str | None = Field(None, max_length=500)
    until: AwareDatetime | None = None


_FAULTS = {
    "description": "How many faults the files of the declarations have; what is in force has none.",
    "schema": {"type": "integer", "minimum": 0},
}


@router.get("", responses={200: {"headers": {FAULTS_HEADER: _FAULTS}}})
def list_schedules(
    asking: Looking, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """Declared schedules by name, with state, next occurrence and last run."""
    response.headers[FAULTS_HEADER] = str(faults())
    found = sorted(declared().schedules.values(), key=lambda each: each.name)
    chosen = [each for each in found if cursor is None or each.name > cursor][: limit + 1]
    return page(_objects(asking.require(Action.LOOK), chosen), limit, "name")


@router.get("/{name}")
def show_schedule(asking: Looking, response: Response, name: str) -> dict[str, Any]:
    """One schedule, and the ETag for changing it."""
    _, schedule, _ = asking.schedule(name)
    response.headers["ETag"] = etag(schedule)
    return _objects(asking.require(Action.LOOK), [schedule])[0]


@router.get("/{name}/next")
def next_occurrences(
    asking: Looking,
    name: str,
    count: Annotated[int, Query(ge=1, le=1000)] = 5,
    start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
) -> list[dict[str, str]]:
    """The next occurrences after `from`, or after now."""
    _, schedule, _ = asking.schedule(name)
    coming = occurrences(schedule.timing, start or dt.datetime.now(dt.UTC), schedule.policies)
    return [{"schedule": name, "due": due.isoformat()} for due in islice(coming, count)]


@router.get("/{name}/history")
def show_history(asking: Looking, name: str, limit: Limit = 50) -> list[dict[str, Any]]:
    """What became of each occurrence, the newest first."""
    _, schedule, _ = asking.schedule(name)
    return history(asking.require(Action.LOOK), database.engine(), schedule, limit)


@router.post("/{name}/run", status_code=202)
def run(
    asking: Running, response: Response, name: str, given: RunNow | None = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Run it now, also while it is off or paused; its overlap rule and limits hold unless forced."""
    declarations, schedule, subject = asking.schedule(name)
    client = asking.require(Action.RUN, subject)
    wanted = given or RunNow.model_validate({})
    order = launching.for_run_now(
        declarations, schedule, config=wanted.config, reason=wanted.reason, actor=asking.principal.name
    )
    if dry_run:
        response.status_code = HTTPStatus.OK
        return {"job": order.job, "run_config": order.run_config, "tags": order.tags}
    launch = lambda order: run_now(client, schedule, order, force=wanted.force)  # noqa: E731
    answer = asking.launched(client, order, launch)
    response.headers["Location"] = f"/api/v1/runs/{answer['run_id']}"
    return answer


@router.post("/{name}/enable")
def enable(asking: Switching, name: str, dry_run: DryRun = False) -> dict[str, Any]:
    """Switch it on."""
    return _switch(asking, name, on=True, dry_run=dry_run)


@router.post("/{name}/disable")
def disable(asking: Switching, name: str, dry_run: DryRun = False) -> dict[str, Any]:
    """Switch it off."""
    return _switch(asking, name, on=False, dry_run=dry_run)


@router.post("/{name}/pause")
def pause_schedule(
    asking: Switching, name: str, given: Pausing | None = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Start nothing for a while; what falls due meanwhile is not caught up."""
    _, _, subject = asking.schedule(name)
    asking.require(Action.SWITCH, subject)
    wanted = given or Pausing.model_validate({})
    now = dt.datetime.now(dt.UTC)
    check_end(wanted.until, now)
    if dry_run:
        held = _pause(name, now)
        changed = held is None or (held.reason, held.until) != (wanted.reason, wanted.until)
        return {"name": name, "state": "paused", "changed": changed}
    changed = pause(
        database.engine(),
        name,
        actor=asking.principal.name,
        now=now,
        reason=wanted.reason,
        until=wanted.until,
    )
    return {"name": name, "state": "paused", "changed": changed}


@router.post("/{name}/resume")
def resume_schedule(asking: Switching, name: str, dry_run: DryRun = False) -> dict[str, Any]:
    """End a pause."""
    _, _, subject = asking.schedule(name)
    asking.require(Action.SWITCH, subject)
    now = dt.datetime.now(dt.UTC)
    if dry_run:
        return {"name": name, "state": "on", "changed": _pause(name, now) is not None}
    changed = resume(database.engine(), name, now=now, actor=asking.principal.name)
    return {"name": name, "state": "on", "changed": changed}


def _pause(name: str, now: dt.datetime) -> Pause | None:
    """The pause that holds now."""
    found = read_pauses(database.engine()).get(name)
    return found if found is not None and found.holds_at(now) else None


def _switch(asking: Switching, name: str, *, on: bool, dry_run: bool) -> dict[str, Any]:
    _, schedule, subject = asking.schedule(name)
    client = asking.require(Action.SWITCH, subject)
    if dry_run:
        key = dagster_name(name)
        changed = client.switches([key]).get(key, schedule.enabled) != on
    else:
        changed = switch(client, schedule, on=on)
    return {"name": name, "state": "on" if on else "off", "changed": changed}


def _objects(client: GraphQLClient, schedules: list[Schedule]) -> list[dict[str, Any]]:
    recorded = read_recorded(database.engine(), schedules)
    return schedule_objects(client, schedules, dt.datetime.now(dt.UTC), recorded)

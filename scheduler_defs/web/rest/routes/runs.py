"""Runs: list, show, cancel, launch again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scheduler_defs import tags
from scheduler_defs.access.table import Action, Subject
from scheduler_defs.acting.runs.control import check_retry, end_run, retry_run
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import list_runs
from scheduler_defs.web.access.subjects import of_job, of_schedule
from scheduler_defs.web.rest.asking import Cancelling, Cursor, DryRun, Limit, Looking, Running, page

router = APIRouter(prefix="/runs", tags=["runs"])

Status = Annotated[str | None, Query(pattern="^[A-Z_]{4,20}$")]


@router.get("")
def list_all(
    asking: Looking,
    schedule: str | None = None,
    job: str | None = None,
    agent: str | None = None,
    queue: str | None = None,
    status: Status = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The newest runs first."""
    wanted = {tags.SCHEDULE: schedule, tags.AGENT: agent, tags.QUEUE: queue}
    found = list_runs(
        asking.require(Action.LOOK),
        with_tags={key: value for key, value in wanted.items() if value is not None},
        statuses=(status,) if status else (),
        job=job,
        limit=limit + 1,
        after=cursor,
    )
    return page(found, limit, "run_id")


@router.get("/{run_id}")
def show(asking: Looking, run_id: str) -> dict[str, Any]:
    """One run, by its whole id."""
    return found_run(asking.require(Action.LOOK), run_id)


@router.post("/{run_id}/cancel", status_code=202)
def cancel_run(
    asking: Cancelling, response: Response, run_id: str, dry_run: DryRun = False
) -> dict[str, Any]:
    """End a queued, starting or running run, or call off the next attempt of a failed one."""
    found = found_run(asking.require(Action.LOOK), run_id)
    client = asking.require(Action.CANCEL, subject_of(found))
    if dry_run:
        response.status_code = HTTPStatus.OK
        return {"run_id": run_id, "status": found["status"]}
    return end_run(client, found)


@router.post("/{run_id}/retry", status_code=202)
def retry(asking: Running, response: Response, run_id: str, dry_run: DryRun = False) -> dict[str, Any]:
    """Launch a run that has ended once more, with the same config; where it is stands in `Location`."""
    found = found_run(asking.require(Action.LOOK), run_id)
    client = asking.require(Action.RUN, subject_of(found))
    if dry_run:
        check_retry(found)
        response.status_code = HTTPStatus.OK
        return {"run_id": run_id, "status": found["status"]}
    answer = asking.relaunched(client, run_id, lambda marks: retry_run(client, found, marks))
    response.headers["Location"] = f"/api/v1/runs/{answer['run_id']}"
    return answer


def found_run(client: GraphQLClient, run_id: str) -> dict[str, Any]:
    """A run by its whole id. Raises 404."""
    found = list_runs(client, run_ids=(run_id,), limit=1) if len(run_id) <= 255 else []
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no run {run_id[:255]!r}")
    return found[0]


def subject_of(run: dict[str, Any]) -> Subject:
    """What the run is about, for the access table."""
    of = of_schedule(run["schedule"]) if run["schedule"] else of_job(run["job"])
    return Subject(schedule=of.schedule, job=run["job"], queue=run["queue"], owner=of.owner)

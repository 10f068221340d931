"""Jobs: what there is to run, and a run of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scheduler_defs.access.table import Action
from scheduler_defs.acting.runs.jobs import job_rows
from scheduler_defs.acting.runs.launch import is_job, launch_order, order_job
from scheduler_defs.settings import settings
from scheduler_defs.web.access.subjects import declared, of_job
from scheduler_defs.web.rest.asking import DryRun, Looking, Running

router = APIRouter(prefix="/jobs", tags=["jobs"])


class Submission(BaseModel):
    """A run to be launched."""

    config: dict[str, Any] = Field(default_factory=dict)
    reason: str | None = Field(None, max_length=500)
    directive: str | None = None


@router.get("")
def list_jobs(_: Looking) -> list[dict[str, Any]]:
    """Declared and built-in jobs, and those in Python."""
    return job_rows(declared(), settings().config)


@router.post("/{name}/runs", status_code=202)
def submit(
    asking: Running, response: Response, name: str, given: Submission | None = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Launch a job; where its run is to be looked at stands in `Location`."""
    client = asking.require(Action.RUN, of_job(name))
    found = declared()
    if not is_job(client, found, name):
        raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no job {name!r}")
    wanted = given or Submission.model_validate({})
    order = order_job(
        found,
        name,
        config=wanted.config,
        actor=asking.principal.name,
        reason=wanted.reason,
        directive=wanted.directive,
    )
    if dry_run:
        response.status_code = HTTPStatus.OK
        return {"job": order.job, "run_config": order.run_config, "tags": order.tags}
    answer = asking.launched(client, order, lambda wanted: launch_order(client, wanted))
    response.headers["Location"] = f"/api/v1/runs/{answer['run_id']}"
    return answer

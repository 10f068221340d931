"""`/signalbox/runs/{id}`: what a run is, prints, keeps, and why it is as it is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs import database
from scheduler_defs.acting.limits import waits_for
from scheduler_defs.graphql.runs import FINISHED
from scheduler_defs.web.access.subjects import declared
from scheduler_defs.web.pages.asked import client_of, may
from scheduler_defs.web.pages.rendering import render
from scheduler_defs.web.pages.schedules import explain_subject
from scheduler_defs.web.rest.routes.files import artifacts_of
from scheduler_defs.web.rest.routes.runs import found_run, subject_of


def one(request: Request) -> Response:
    """One run; its events and output come to the page as they happen."""
    run = found_run(client_of(request), request.path_params["run_id"])
    queued = run["status"] == "QUEUED"
    values = {
        "run": run,
        "ended": run["status"] in FINISHED,
        "waits_for": waits_for(database.engine(), declared(), run["run_id"]) if queued else None,
        "artifacts": artifacts_of(run["run_id"]),
        "why": explain_subject(request, run["run_id"]),
        "may": may(request, subject_of(run)),
    }
    return render(request, "run.html", values, title=f"Run {run['run_id'][:8]}")

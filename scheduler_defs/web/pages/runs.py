"""`/signalbox/runs/{id}`: what a run is, prints, keeps, and why it is as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs import database, tags
from scheduler_defs.acting.limits import waits_for
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import FINISHED, list_runs
from scheduler_defs.web.access.subjects import declared
from scheduler_defs.web.pages.asking import client_of, may
from scheduler_defs.web.pages.parts.reports import ENDINGS
from scheduler_defs.web.pages.rendering import render
from scheduler_defs.web.pages.schedules import explain_subject
from scheduler_defs.web.rest.routes.files import PICTURES, artifacts_of
from scheduler_defs.web.rest.routes.runs import found_run, subject_of

_MOST_ATTEMPTS = 100


def one(request: Request) -> Response:
    """One run; its events and output come to the page as they happen."""
    client = client_of(request)
    run = found_run(client, request.path_params["run_id"])
    queued = run["status"] == "QUEUED"
    values = {
        "run": run,
        "ended": run["status"] in FINISHED,
        "waits_for": waits_for(database.engine(), declared(), run["run_id"]) if queued else None,
        "artifacts": [{**each, "kind": _kind(each["path"])} for each in artifacts_of(run["run_id"])],
        "attempts": attempts(client, run),
        "why": explain_subject(request, run["run_id"]),
        "may": may(request, subject_of(run)),
    }
    return render(request, "run.html", values, title=f"Run {run['run_id'][:8]}")


def attempts(client: GraphQLClient, run: dict[str, Any]) -> list[dict[str, Any]]:
    """All attempts on the same thing, the first one first; none where there is only this one."""
    root = run["root_run"] or run["run_id"]
    later = list_runs(client, with_tags={tags.ROOT_RUN: root}, limit=_MOST_ATTEMPTS)
    return [*list_runs(client, run_ids=(root,), limit=1), *reversed(later)] if later else []


def _kind(path: str) -> str:
    suffix = Path(path).suffix.lower()
    return "picture" if suffix in PICTURES else "report" if suffix in ENDINGS else "file"

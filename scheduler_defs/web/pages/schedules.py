"""`/signalbox/schedules`: all of them, and one with what became of each occurrence."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from itertools import islice
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs import database
from scheduler_defs.acting.agent_queues.agent_runs import GraphQLRuns
from scheduler_defs.declarations import BUILTIN_JOBS
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.recorded import last_runs, read_recorded
from scheduler_defs.explaining.facts import Sources, explain
from scheduler_defs.graphql.history import history
from scheduler_defs.graphql.schedules import schedule_objects
from scheduler_defs.timing import occurrences
from scheduler_defs.web.access.subjects import declared, of_schedule
from scheduler_defs.web.pages.asked import asking, client_of, may, only, text_of
from scheduler_defs.web.pages.rendering import render
from scheduler_defs.web.rest.edits import entry_of, etag

PAGE = 200
_SORTS = ("name", "job", "kind", "state", "next")
COMING = 10
OCCURRENCES = 50


def listed(request: Request) -> Response:
    """The list, searched, filtered and sorted."""
    found = declared()
    words = text_of(request, "q").lower()
    chosen = [
        each
        for each in found.schedules.values()
        if all(
            word in f"{each.name} {each.job} {each.owner or ''} {each.description or ''}".lower()
            for word in words.split()
        )
    ]
    engine = database.engine()
    recorded = read_recorded(engine, chosen, runs=False)
    rows = schedule_objects(client_of(request), chosen, dt.datetime.now(dt.UTC), recorded)
    rows = only(rows, state=text_of(request, "state"), kind=text_of(request, "kind"))
    sort = text_of(request, "sort") or "name"
    down = sort.startswith("-")
    key = sort.removeprefix("-") if sort.removeprefix("-") in _SORTS else "name"
    rows.sort(key=lambda row: (row[key] is None, str(row[key] or ""), row["name"]), reverse=down)
    shown = rows[:PAGE]
    ran = last_runs(engine, [row["name"] for row in shown])
    values = {
        "rows": [{**row, "last_run": ran.get(row["name"])} for row in shown],
        "more": len(rows) - PAGE,
        "total": len(found.schedules),
        "sort": f"-{key}" if down else key,
        "sorts": _SORTS,
        "states": ("on", "off", "paused", "completed"),
        "kinds": sorted({each.kind for each in found.schedules.values()}),
        "jobs": sorted({*BUILTIN_JOBS, *found.jobs}),
        "may": may(request),
    }
    return render(request, "schedules.html", values, title="Schedules")


def one(request: Request) -> Response:
    """One schedule."""
    name = request.path_params["name"]
    found = declared()
    schedule = found.schedules.get(name)
    if schedule is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"no schedule {name[:200]!r} is declared")
    client, engine, now = client_of(request), database.engine(), dt.datetime.now(dt.UTC)
    (row,) = schedule_objects(client, [schedule], now, read_recorded(engine, [schedule]))
    coming = occurrences(schedule.timing, now, schedule.policies)
    rows = history(client, engine, schedule, OCCURRENCES)
    values: dict[str, Any] = {
        "schedule": row,
        "rows": rows,
        "lengths": _lengths(rows),
        "coming": list(islice(coming, COMING)),
        "why": explain_subject(request, f"schedule:{name}"),
        "entry": entry_of(name),
        "etag": etag(schedule),
        "position": str(schedule.source),
        "dagster": dagster_name(name),
        "may": may(request, of_schedule(name)),
    }
    return render(request, "schedule.html", values, title=name)


def explain_subject(request: Request, subject: str) -> dict[str, Any]:
    """As `signalbox why` says it."""
    client, place = client_of(request), asking(request).place()
    sources = Sources(
        place.declarations,
        place.engine,
        lambda: client,
        lambda: place.task_queue,
        lambda: GraphQLRuns(client),
    )
    return explain(subject, sources, dt.datetime.now(dt.UTC).astimezone()).document()


def _lengths(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bars of how long the runs took, the oldest first; heights in percent of the longest."""
    ran = [row for row in reversed(rows) if row["started"] and row["ended"]]
    seconds = [
        (dt.datetime.fromisoformat(row["ended"]) - dt.datetime.fromisoformat(row["started"])).total_seconds()
        for row in ran
    ]
    longest = max(seconds, default=0.0) or 1.0
    return [
        {"status": row["status"], "seconds": took, "height": round(40 * took / longest, 1)}
        for row, took in zip(ran, seconds, strict=True)
    ]

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
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.records import last_runs, read_recorded
from scheduler_defs.explaining.facts import Sources, explain
from scheduler_defs.explaining.reading import reading_of
from scheduler_defs.graphql.history import history
from scheduler_defs.graphql.schedules import schedule_objects
from scheduler_defs.jobs.commands.params import describe
from scheduler_defs.timing import occurrences
from scheduler_defs.web.access.subjects import declared, of_schedule
from scheduler_defs.web.pages.asking import asking, client_of, may, only, text_of
from scheduler_defs.web.pages.form import form_of
from scheduler_defs.web.pages.parts.charts import lengths
from scheduler_defs.web.pages.parts.recorded import OUTCOMES, rules, sparks
from scheduler_defs.web.pages.rendering import render
from scheduler_defs.web.rest.edits import entry_of, etag

PAGE = 100
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
    pages = max(1, -(-len(rows) // PAGE))
    here = min(max(1, int(number)), pages) if (number := text_of(request, "page", 6)).isdecimal() else 1
    shown = rows[(here - 1) * PAGE : here * PAGE]
    names = [row["name"] for row in shown]
    ran, outcomes = last_runs(engine, names), sparks(engine, names)
    clone = text_of(request, "clone")
    entry = entry_of(clone) if clone in found.schedules else {}
    values = {
        "rows": [
            {**row, "last_run": ran.get(row["name"]), "spark": outcomes.get(row["name"])} for row in shown
        ],
        "outcomes": OUTCOMES,
        "fitting": len(rows),
        "page": here,
        "pages": pages,
        "total": len(found.schedules),
        "sort": f"-{key}" if down else key,
        "sorts": _SORTS,
        "states": ("on", "off", "paused", "completed"),
        "kinds": sorted({each.kind for each in found.schedules.values()}),
        "jobs": sorted({*BUILTIN_JOBS, *found.jobs}),
        "clone": clone if entry else "",
        "entry": entry,
        "form": form_of(entry),
        "may": may(request),
    }
    return render(request, "schedules/list.html", values, title="Schedules")


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
    entry = entry_of(name)
    rows = history(client, engine, schedule, OCCURRENCES)
    values: dict[str, Any] = {
        "schedule": row,
        "rows": by_occurrence(rows),
        "lengths": lengths(rows),
        "reads": reading_of(schedule),
        "rules": rules(engine, name),
        "params": params_of(found, schedule),
        "coming": list(islice(coming, COMING)),
        "why": explain_subject(request, f"schedule:{name}"),
        "entry": entry,
        "form": form_of(entry),
        "jobs": sorted({*BUILTIN_JOBS, *found.jobs, schedule.job}),
        "etag": etag(schedule),
        "position": str(schedule.source),
        "dagster": dagster_name(name),
        "may": may(request, of_schedule(name)),
    }
    return render(request, "schedules/schedule.html", values, title=name)


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


def by_occurrence(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The history with `earlier`: whether a row is an earlier attempt on the occurrence of the row above."""
    above: str | None = None
    shown: list[dict[str, Any]] = []
    for row in rows:
        due = row["scheduled_for"] if row["outcome"] == "run" else None
        shown.append({**row, "earlier": due is not None and due == above})
        above = due
    return shown


def params_of(found: Declarations, schedule: Schedule) -> list[dict[str, Any]]:
    """The parameters of its job: what they are for, and what they are if nothing is said."""
    job = found.jobs.get(schedule.job)
    return [
        {
            "name": name,
            "about": describe(param),
            "type": param.type,
            "choices": param.choices or ((True, False) if param.type == "boolean" else ()),
            "minimum": param.minimum,
            "maximum": param.maximum,
            "usual": schedule.config.get(name, param.default),
        }
        for name, param in (job.params if job else {}).items()
    ]

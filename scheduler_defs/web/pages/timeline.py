"""`/signalbox/timeline`: what ran and what will run, on one axis."""

from __future__ import annotations

import datetime as dt
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs.acting.forecast import course
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.forecasting.document import document
from scheduler_defs.forecasting.upcoming import upcoming
from scheduler_defs.graphql.runs import list_runs
from scheduler_defs.web.access.subjects import declared
from scheduler_defs.web.pages.asked import asking, client_of, text_of
from scheduler_defs.web.pages.rendering import render

SPANS = {
    "1h": dt.timedelta(hours=1),
    "6h": dt.timedelta(hours=6),
    "1d": dt.timedelta(days=1),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
}
MOST_PAST = 3000
MOST_COMING = 7000
GOING = ("QUEUED", "STARTING", "STARTED", "CANCELING")


def page(request: Request) -> Response:
    """As far back as forth. Past runs are bars of what happened, coming ones of what is expected."""
    span = text_of(request, "span") if text_of(request, "span") in SPANS else "6h"
    group = "queue" if text_of(request, "by") == "queue" else "schedule"
    now = dt.datetime.now(dt.UTC)
    begin, end = now - SPANS[span], now + SPANS[span]
    found = coming_up(declared(), now, end)
    known, basis = asking(request).known(found)
    coming = document(
        course(found, now.replace(second=0, microsecond=0), end, known=known, place=dt.UTC, assumed=_MINUTE)
    )
    client = client_of(request)
    past = {
        run["run_id"]: run
        for run in (
            *list_runs(client, limit=MOST_PAST, changed_since=begin),
            *list_runs(client, limit=MOST_PAST, statuses=GOING),
        )
    }
    bars = [
        bar for run in past.values() if (bar := _past(run, group, now)) and bar["end"] >= begin.timestamp()
    ]
    if group == "schedule":
        bars += [_coming(run) for run in coming["runs"][:MOST_COMING]]
    values = {
        "data": {
            "begin": begin.timestamp(),
            "now": now.timestamp(),
            "end": end.timestamp(),
            "bars": bars,
        },
        "span": span,
        "spans": list(SPANS),
        "by": group,
        "basis": basis,
        "limits": coming["limits"],
        "pile_ups": coming["pile_ups"][:20],
        "left_out": max(0, len(coming["runs"]) - MOST_COMING),
    }
    return render(request, "timeline.html", values, title="Timeline")


_MINUTE = dt.timedelta(minutes=1)


def coming_up(found: Declarations, now: dt.datetime, end: dt.datetime) -> Declarations:
    """Without the schedules that are not due before the end: nothing of them is to be seen."""
    chosen = {
        name: each
        for name, each in found.schedules.items()
        if (due := upcoming(each, now - 2 * _MINUTE - each.policies.jitter)) is not None and due < end
    }
    return found.model_copy(update={"schedules": chosen})


def _past(run: dict[str, Any], group: str, now: dt.datetime) -> dict[str, Any] | None:
    lane = run["queue"] if group == "queue" else run["schedule"] or f"job {run['job']}"
    if lane is None:
        return None
    begin = dt.datetime.fromisoformat(run["started"] or run["created"])
    end = dt.datetime.fromisoformat(run["ended"]) if run["ended"] else now
    return {
        "lane": lane,
        "begin": begin.timestamp(),
        "end": end.timestamp(),
        "state": run["status"],
        "run": run["run_id"],
        "queued": dt.datetime.fromisoformat(run["created"]).timestamp(),
    }


def _coming(run: dict[str, Any]) -> dict[str, Any]:
    due, begin, end = (dt.datetime.fromisoformat(run[key]).timestamp() for key in ("due", "start", "end"))
    bar = {"lane": run["schedule"], "begin": begin, "end": end, "queued": due}
    return {**bar, "state": "EXPECTED", "run": None}

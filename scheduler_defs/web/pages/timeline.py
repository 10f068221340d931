"""`/signalbox/timeline`: what ran and what will run, on one axis, by schedule, agent or queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs import database, tags
from scheduler_defs.acting.forecast import course
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.forecasting.document import limits, pile_ups
from scheduler_defs.forecasting.upcoming import upcoming
from scheduler_defs.web.access.subjects import declared
from scheduler_defs.web.pages.asking import asking, client_of, text_of
from scheduler_defs.web.pages.rendering import render

SPANS = {
    "1h": dt.timedelta(hours=1),
    "6h": dt.timedelta(hours=6),
    "1d": dt.timedelta(days=1),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
}
LANES: Mapping[str, str] = {"schedule": tags.SCHEDULE, "agent": tags.AGENT, "queue": tags.QUEUE}
"""The tag that says in which lane a run stands. Without it: in its job's by schedule, else in none."""
MOST_PAST = 10_000
MOST_COMING = 10_000
_MINUTE = dt.timedelta(minutes=1)
_PILE_UPS = 20

_statement = NamedSql(Path(__file__).parent)


@dataclass
class Bars:
    """Bars as the page's script reads them: numbers, and names by their place in a list.

    Each is `[lane, begin, end, queued, state, schedule, run]`, times in seconds since the epoch.
    """

    begin: float
    names: dict[str, int] = field(default_factory=dict[str, int])
    rows: list[list[Any]] = field(default_factory=list[list[Any]])

    def add(
        self, lane: str, begin: float, end: float, queued: float, state: str, schedule: str | None, run: str
    ) -> None:
        """One that is to be seen."""
        if end >= self.begin:
            known = self.names
            self.rows.append(
                [
                    known.setdefault(lane, len(known)),
                    round(begin, 1),
                    round(end, 1),
                    round(queued, 1),
                    known.setdefault(state, len(known)),
                    known.setdefault(schedule or "", len(known)),
                    run,
                ]
            )


def page(request: Request) -> Response:
    """As far back as forth. Past runs are bars of what happened, coming ones of what is expected."""
    span = text_of(request, "span") if text_of(request, "span") in SPANS else "6h"
    group = text_of(request, "by") if text_of(request, "by") in LANES else "schedule"
    now = dt.datetime.now(dt.UTC)
    begin, end = now - SPANS[span], now + SPANS[span]
    client_of(request)  # he may look
    found = coming_up(declared(), now, end)
    known, basis = asking(request).known(found)
    coming = course(
        found, now.replace(second=0, microsecond=0), end, known=known, place=dt.UTC, assumed=_MINUTE
    )
    bars = Bars(begin.timestamp())
    _add_past(database.engine(), bars, group, begin, now)
    expected = coming.forecast.runs
    if group == "schedule":
        for run in expected[:MOST_COMING]:
            bars.add(run.schedule, run.start, run.end, run.due, "EXPECTED", run.schedule, "")
    values = {
        "data": {
            "begin": begin.timestamp(),
            "now": now.timestamp(),
            "end": end.timestamp(),
            "names": list(bars.names),
            "bars": bars.rows,
            "limits": dict(coming.plan.limits),
            "of": {each.name: list(each.limits) for each in coming.plan.planned if each.limits},
        },
        "span": span,
        "spans": list(SPANS),
        "by": group,
        "lanes": list(LANES),
        "basis": basis if group == "schedule" else "",
        "limits": limits(coming),
        "pile_ups": pile_ups(coming)[:_PILE_UPS],
        "left_out": max(0, len(expected) - MOST_COMING),
    }
    return render(request, "schedules/timeline.html", values, title="Timeline")


def coming_up(found: Declarations, now: dt.datetime, end: dt.datetime) -> Declarations:
    """Without the schedules that are not due before the end: nothing of them is to be seen."""
    chosen = {
        name: each
        for name, each in found.schedules.items()
        if (due := upcoming(each, now - 2 * _MINUTE - each.policies.jitter)) is not None and due < end
    }
    return found.model_copy(update={"schedules": chosen})


def _add_past(engine: sa.Engine, bars: Bars, group: str, since: dt.datetime, now: dt.datetime) -> None:
    wanted = {
        "since": since,
        "most": MOST_PAST,
        "lane": LANES[group],
        "job": tags.JOB,
        "schedule": tags.SCHEDULE,
        "every": group == "schedule",
    }
    with engine.connect() as connection:
        rows = connection.execute(_statement("bars"), wanted).all()
    for run_id, status, lane, schedule, queued, began, ended in rows:
        end = ended or now.timestamp()
        begin = began or (end if status == "QUEUED" else queued)
        bars.add(lane, begin, end, queued, status, schedule, run_id)

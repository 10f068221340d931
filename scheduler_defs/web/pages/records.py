"""`/signalbox/inbox`, `/signalbox/health` and `/signalbox/audit`."""

from __future__ import annotations

import datetime as dt
import os

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs import database
from scheduler_defs.acting.agent_queues.queues import queue_objects
from scheduler_defs.acting.limits import limit_objects
from scheduler_defs.audit.store import Query, as_rows, read
from scheduler_defs.settings import settings
from scheduler_defs.upkeep.doctor.checks import Patient, examine
from scheduler_defs.web.pages.asked import asking, may, text_of
from scheduler_defs.web.pages.rendering import render

_PAGE = 100


def inbox(request: Request) -> Response:
    """What waits for a person."""
    values = {"rows": asking(request).inbox(), "may": may(request)}
    return render(request, "inbox.html", values, title="Inbox")


def health(request: Request) -> Response:
    """What `signalbox doctor` finds, each limit with its use, and the queues."""
    place = asking(request).place()
    now = lambda: dt.datetime.now(dt.UTC)  # noqa: E731
    patient = Patient(settings(), place.declarations, place.engine, os.environ, now)
    values = {
        "checks": list(examine(patient)),
        "limits": limit_objects(place.engine, place.declarations),
        "queues": queue_objects(place),
    }
    return render(request, "health.html", values, title="Health")


def audit(request: Request) -> Response:
    """Who changed what."""
    before = text_of(request, "before")
    wanted = Query(
        actor=text_of(request, "actor") or None,
        action=text_of(request, "action") or None,
        subject=text_of(request, "subject") or None,
        before_id=int(before) if before.isdecimal() else None,
        most=_PAGE + 1,
    )
    with database.engine().connect() as connection:
        found = read(connection, wanted)
    values = {
        "rows": as_rows(found[:_PAGE]),
        "following": found[_PAGE - 1].id if len(found) > _PAGE else None,
    }
    return render(request, "audit.html", values, title="Audit")

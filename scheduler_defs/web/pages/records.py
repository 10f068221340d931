"""`/signalbox/inbox` and `/signalbox/audit`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs import database
from scheduler_defs.audit.store import Query, as_rows, read
from scheduler_defs.web.pages.asked import asking, may, text_of
from scheduler_defs.web.pages.rendering import render

_PAGE = 100


def inbox(request: Request) -> Response:
    """What waits for a person."""
    values = {"rows": asking(request).inbox(), "may": may(request)}
    return render(request, "inbox.html", values, title="Inbox")


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

"""`/signalbox/inbox` and `/signalbox/audit`."""

from __future__ import annotations

import datetime as dt

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs import database
from scheduler_defs.audit.store import Query, as_rows, read
from scheduler_defs.web.pages.asking import asking, may, text_of
from scheduler_defs.web.pages.rendering import render

_PAGE = 100


def inbox(request: Request) -> Response:
    """What waits for a person."""
    values = {"rows": asking(request).inbox(), "may": may(request)}
    return render(request, "records/inbox.html", values, title="Inbox")


def _day(text: str, after: int = 0) -> dt.datetime | None:
    """The beginning of a day (UTC), or of one `after` it; None for none."""
    try:
        return dt.datetime.fromisoformat(f"{text}T00:00+00:00") + dt.timedelta(days=after)
    except ValueError:
        return None


def audit(request: Request) -> Response:
    """Who changed what."""
    before = text_of(request, "before")
    wanted = Query(
        since=_day(text_of(request, "since")),
        until=_day(text_of(request, "until"), after=1),
        actor=text_of(request, "actor") or None,
        action=text_of(request, "action") or None,
        subject=text_of(request, "subject") or None,
        before_id=int(before) if before.isdecimal() else None,
        most=_PAGE + 1,
    )
    with database.engine().connect() as connection:
        found = read(connection, wanted)
    values = {
        "kept": {key: text_of(request, key) for key in ("since", "until", "actor", "action", "subject")},
        "rows": as_rows(found[:_PAGE]),
        "following": found[_PAGE - 1].id if len(found) > _PAGE else None,
    }
    return render(request, "records/audit.html", values, title="Audit")

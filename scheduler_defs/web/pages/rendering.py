"""Templates with everything escaped, and what a page may load: our own style and scripts, nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from scheduler_defs.web.access.gate import LOGGED_IN, principal_of
from scheduler_defs.web.doors.headers import CONTENT_POLICY

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PLACES = (
    ("", "Overview"),
    ("schedules", "Schedules"),
    ("timeline", "Timeline"),
    ("queues", "Queues"),
    ("inbox", "Inbox"),
    ("health", "Health"),
    ("audit", "Audit"),
)


def render(
    request: Request, template: str, values: Mapping[str, Any], *, title: str, status: int = HTTPStatus.OK
) -> Response:
    """A page. Its addresses begin with `base`, where the server is, also behind a proxy's path prefix."""
    base = prefix(request)
    page = _environment().get_template(template)
    text = page.render(
        {
            **values,
            "base": base,
            "api": f"{base}/api/v1",
            "here": f"{base}/signalbox",
            "places": PLACES,
            "path": request.url.path,
            "query": request.query_params,
            "title": title,
            "who": principal_of(request).name,
            "logged_in": request.scope.get(LOGGED_IN, False),
            "now": dt.datetime.now(dt.UTC),
        }
    )
    return HTMLResponse(text, status, headers={CONTENT_POLICY: POLICY, "Cache-Control": "no-store"})


def prefix(request: Request) -> str:
    """Where a proxy has the server, or nothing."""
    return str(request.scope.get("root_path", "")).removesuffix("/signalbox")


def moment(value: Any) -> dt.datetime | None:
    """An instant, given as such or as ISO 8601."""
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value) if value else None
    return value if isinstance(value, dt.datetime) else None


def instant(value: Any) -> str:
    """`2026-03-01 14:00:05` in UTC; the page's script makes it the reader's own time."""
    found = moment(value)
    return found.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S") if found else ""


def iso(value: Any) -> str:
    """For `datetime=` attributes."""
    found = moment(value)
    return found.astimezone(dt.UTC).isoformat(timespec="seconds") if found else ""


def lasting(seconds: Any) -> str:
    """`1 h 05 min`, `12.3 s`."""
    if seconds is None:
        return ""
    whole = float(seconds)
    if whole < 60:
        return f"{whole:.1f} s"
    minutes, rest = divmod(round(whole), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def took(row: Mapping[str, Any]) -> str:
    """How long a run took, or takes so far."""
    begin, end = moment(row.get("started")), moment(row.get("ended"))
    if begin is None:
        return ""
    return lasting(((end or dt.datetime.now(dt.UTC)) - begin).total_seconds())


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        instant=instant,
        iso=iso,
        lasting=lasting,
        took=took,
        json=lambda value: json.dumps(value, ensure_ascii=False, indent=2, default=str),
        # Of text that a renderer has escaped already: of reports, and of nothing else.
        markup=Markup,
        part=lambda text: quote(str(text), safe=""),
    )
    return made

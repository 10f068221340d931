"""`/signalbox/health`: the doctor, the parts of the stack, workers, limits, alerts that wait."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs.acting.agent_queues.queues import queue_objects
from scheduler_defs.acting.limits import limit_objects
from scheduler_defs.acting.place import Place
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.running_stack import RECORD
from scheduler_defs.settings import settings
from scheduler_defs.upkeep.doctor.checks import Check, Patient, examine
from scheduler_defs.web.cache import TimedCache
from scheduler_defs.web.pages.asking import asking
from scheduler_defs.web.pages.rendering import render

EXAMINED_SECONDS = 10.0
"""How old the doctor's word may be: an examination costs a tenth of a second of CPU."""
_MOST_ALERTS = 50

_statement = NamedSql(Path(__file__).parent)
_examined = TimedCache[tuple[dt.datetime, list[Check]]](EXAMINED_SECONDS)


def page(request: Request) -> Response:
    """The page; what needs a person stands first."""
    place = asking(request).place()
    at, checks = _examined.get(lambda: _examine(place))
    with place.engine.connect() as connection:
        wanted = {"silence": terms().silence.total_seconds()}
        workers = connection.execute(_statement("workers"), wanted).mappings().all()
        alerts = connection.execute(_statement("alerts_waiting"), {"most": _MOST_ALERTS}).mappings().all()
    values = {
        "checks": sorted(checks, key=lambda check: check.ok),
        "examined": at,
        "components": components(settings().state),
        "workers": workers,
        "alerts": alerts,
        "limits": limit_objects(place.engine, place.declarations),
        "queues": queue_objects(place),
    }
    return render(request, "health.html", values, title="Health")


def components(state: Path) -> list[dict[str, Any]]:
    """The parts of the stack, as its supervisor last saw them; none where no stack runs here."""
    try:
        return json.loads((state / RECORD).read_text())["components"]
    except (OSError, ValueError, KeyError):
        return []


def _examine(place: Place) -> tuple[dt.datetime, list[Check]]:
    now = lambda: dt.datetime.now(dt.UTC)  # noqa: E731
    patient = Patient(settings(), place.declarations, place.engine, os.environ, now)
    return now(), list(examine(patient))

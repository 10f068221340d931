"""What the review finds, as entries of the inbox: one for each kind of finding."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from scheduler_defs.acting.place import Place
from scheduler_defs.upkeep.review.finding import review
from scheduler_defs.upkeep.review.model import Finding, Found, Thresholds
from scheduler_defs.upkeep.review.reading import read

_ELSEWHERE = frozenset({Finding.NOT_OWNED, Finding.FAILING})
"""The first is for the review's own page; the runs of the second are in the inbox themselves."""
_MOST_NAMES = 5


def entries(place: Place, now: dt.datetime) -> list[dict[str, Any]]:
    """Reads ninety days of the ledger: slow with many schedules. Put off, a kind comes back for others."""
    past, orphans = read(place.engine, place.declarations, now)
    by_kind: dict[Finding, list[Found]] = {}
    for found in review(place.declarations.schedules, past, orphans, Thresholds(), now):
        if found.finding not in _ELSEWHERE:
            by_kind.setdefault(found.finding, []).append(found)
    return [entry(kind, each, now) for kind, each in by_kind.items()]


def entry(kind: Finding, found: list[Found], now: dt.datetime) -> dict[str, Any]:
    """All schedules of which the same is to be said."""
    names = [each.schedule for each in found]
    said = "; ".join(f"{each.schedule}: {each.detail}" for each in found[:_MOST_NAMES])
    more = f"; and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    which = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    return {
        "id": f"finding:{kind.value}@{which}",
        "kind": "finding",
        "subject": f"schedule:{names[0]}" if len(names) == 1 else "schedules",
        "text": f"{kind.value.replace('_', ' ')}: {said}{more}",
        "since": now.replace(hour=0, minute=0, second=0, microsecond=0),
        "asked_by": None,
        "actions": [f"signalbox schedules show {names[0]}", "signalbox jobs launch schedule_review"],
    }

"""The next occurrence of each schedule, worked out again only when it is over or the rule has changed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from scheduler_defs.timing import next_occurrence

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Schedule

_MOST = 50_000
_known: dict[str, tuple[Schedule, dt.datetime, dt.datetime | None]] = {}


def upcoming(schedule: Schedule, after: dt.datetime) -> dt.datetime | None:
    """The first occurrence after the instant (aware); None when there is none.

    Between two occurrences the next one stays the same, so one is remembered for each schedule. Safe in
    threads: what two of them work out at once is the same.
    """
    known = _known.get(schedule.name)
    if known is not None:
        of, since, due = known
        if of is schedule and since <= after and (due is None or after < due):
            return due
    if len(_known) > _MOST:
        _known.clear()
    due = next_occurrence(schedule.timing, after, schedule.policies)
    _known[schedule.name] = (schedule, after, due)
    return due

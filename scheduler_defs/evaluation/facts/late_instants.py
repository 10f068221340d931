"""Instants that were declared too late: their files named them, and they had passed when these were served.

Between the writing of a file and the first tick by it lie some seconds. What fell due in between never runs,
because an edit counts only forwards; it is written down, so that nobody waits for it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import PurePath

from scheduler_defs import settings
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.declarations.reading.sources import fingerprint
from scheduler_defs.timing import occurrences

LONGEST = dt.timedelta(minutes=10)
"""A file that is older was not just written: the stack was down, or the file was moved here."""
LONGEST_AT = dt.timedelta(days=1)
"""How old the instants of an `at` may be that are spoken of."""
MOST = 20
_log = logging.getLogger("signalbox.declarations")


@dataclass(frozen=True)
class LateInstants:
    """Of each schedule the instants that were declared too late, when these declarations are served."""

    declarations: Declarations
    served_since: dt.datetime

    def __call__(self, name: str) -> Sequence[dt.datetime]:
        """The newest of them, ascending."""
        schedule = self.declarations.schedules[name]
        written = self._written(schedule)
        if written is None or not schedule.enabled or schedule.when is not None:
            return ()
        found = late_instants(schedule, written, self.served_since)
        for due in found:
            shown = due.isoformat(timespec="minutes")
            _log.warning(
                "%s: schedule %s: %s was declared too late and will not run", schedule.source, name, shown
            )
        return found

    def _written(self, schedule: Schedule) -> dt.datetime | None:
        """When the file came here that declares it; None if it is not the one that is served."""
        folder = settings.settings().config
        if fingerprint(folder) != self.declarations.fingerprint:
            return None
        try:
            written = (folder / PurePath(schedule.source.file).name).stat().st_ctime
        except OSError:
            return None
        return dt.datetime.fromtimestamp(written, tz=dt.UTC)


def late_instants(schedule: Schedule, written: dt.datetime, served: dt.datetime) -> Sequence[dt.datetime]:
    """The newest occurrences between the writing of the file and its being served; of `at` older ones."""
    after = max(written, served - LONGEST) if schedule.kind != "at" else served - LONGEST_AT
    if schedule.kind != "at" and served - written > LONGEST:
        return ()
    due = takewhile(lambda each: each <= served, occurrences(schedule.timing, after, schedule.policies))
    return list(islice(due, 1_000))[-MOST:]

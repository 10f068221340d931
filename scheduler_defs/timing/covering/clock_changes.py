"""When and how a zone's clock changes: found once per zone, for building covering crons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from scheduler_defs.timing.instants import DAY, zone

FIRST_YEAR, LAST_YEAR = 2000, 2045
"""The years looked at. Later changes follow the same rules of months, weekdays and hours."""

_STRIDE = timedelta(days=3)
"""How far apart the offset is looked at. In those years no zone changes its clock and back within a week."""


@dataclass(frozen=True, slots=True)
class ClockChange:
    """One change. `shown` is what the clock would have shown without it, `set_to` what it shows instead."""

    instant: datetime
    shown: datetime
    set_to: datetime

    @property
    def skips(self) -> bool:
        """The clock was put forward: times from `shown` to before `set_to` do not exist."""
        return self.set_to > self.shown


@lru_cache(maxsize=256)
def clock_changes(timezone: str) -> tuple[ClockChange, ...]:
    """The zone's clock changes, in order, without those that skip a whole day (see `localise`)."""
    place = zone(timezone)
    changes: list[ClockChange] = []
    moment = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    offset = moment.astimezone(place).utcoffset()
    while moment.year <= LAST_YEAR:
        moment += _STRIDE
        new_offset = moment.astimezone(place).utcoffset()
        if offset != new_offset and offset is not None and new_offset is not None:
            early, late = moment - _STRIDE, moment
            while late - early > timedelta(seconds=1):
                middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
                if middle.astimezone(place).utcoffset() == new_offset:
                    late = middle
                else:
                    early = middle
            if abs(new_offset - offset) < DAY:
                wall = late.replace(tzinfo=None)
                changes.append(ClockChange(late, wall + offset, wall + new_offset))
            offset = new_offset
    return tuple(changes)


@lru_cache(maxsize=256)
def minute_shifts(timezone: str) -> tuple[int, ...]:
    """The minutes past the hour that the zone's offsets have, relative to the first: (0,) nearly always."""
    shifts = {0}
    total = 0
    for change in clock_changes(timezone):
        total += int((change.set_to - change.shown).total_seconds()) // 60
        shifts.add(total % 60)
    return tuple(sorted(shifts))

"""Hours in which nobody wants to be told: what happens then waits for their end. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day to another, which may be of the next day; wall clock of a zone."""

    start: dt.time
    end: dt.time
    zone: str = "UTC"

    def until(self, now: dt.datetime) -> dt.datetime | None:
        """When the quiet hours that hold at `now` end; None: it is not quiet."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        for day in (today - _DAY, today):
            begin = dt.datetime.combine(day, self.start, zone)
            over = self.end <= self.start
            end = dt.datetime.combine(day + _DAY if over else day, self.end, zone)
            if begin <= now < end:
                return end.astimezone(dt.UTC)
        return None

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> QuietHours:
        """From `22:00-07:00`. Raises ValueError for anything else."""
        start, dash, end = text.partition("-")
        try:
            if not dash:
                raise ValueError
            found = cls(_time(start), _time(end), zone)
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no span of a day such as 22:00-07:00") from None
        if found.start == found.end:
            raise ValueError(f"{text!r} begins where it ends")
        return found


def _time(text: str) -> dt.time:
    hour, _, minute = text.strip().partition(":")
    return dt.time(int(hour), int(minute))

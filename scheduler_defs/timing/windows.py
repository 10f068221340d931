"""Working hours: `mon-fri 09:00-17:00` as a window of the week, in a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from scheduler_defs.timing.instants import in_zone, localised, utc, zone

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TEXT = re.compile(r"(?:(?P<days>[a-z,\- ]+?)\s+)?(?P<open>\d{1,2}:\d\d)\s*-\s*(?P<close>\d{1,2}:\d\d)")
_ALLOWED = "write it as mon-fri 09:00-17:00, sat,sun 10:00-14:00 or 22:00-06:00"


@dataclass(frozen=True, slots=True)
class Window:
    """Open from `opens` until before `closes` on some days of the week, by the wall clock of the zone.

    A window that closes at or before the time it opens runs into the next day; `closes` 00:00 is midnight at
    the end of the day. `days` are 0 (Monday) to 6 and mean the day on which the window opens.
    """

    days: tuple[int, ...]
    opens: time
    closes: time
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.timezone)
        object.__setattr__(self, "days", tuple(sorted(set(self.days))))
        if not self.days or not all(0 <= day <= 6 for day in self.days):
            raise ValueError(f"window: days {self.days} must be some of 0 (Monday) to 6 (Sunday)")

    @classmethod
    def parse(cls, text: str, timezone: str = "UTC") -> Window:
        """From `[DAYS] HH:MM-HH:MM`; no days means every day. Raises ValueError."""
        match = _TEXT.fullmatch(text.strip().lower())
        if match is None:
            raise ValueError(f"window {text!r} is not understood; {_ALLOWED}")
        return cls(
            _weekdays(match["days"], text), _time(match["open"], text), _time(match["close"], text), timezone
        )

    def contains(self, instant: datetime) -> bool:
        """Whether the window is open at the instant."""
        local = instant.astimezone(zone(self.timezone))
        clock = local.time().replace(fold=0)
        if self.opens < self.closes:
            return self.opens <= clock < self.closes and local.weekday() in self.days
        if clock >= self.opens and local.weekday() in self.days:
            return True
        return clock < self.closes and (local.weekday() - 1) % 7 in self.days

    def next_open(self, instant: datetime) -> datetime:
        """The instant itself if the window is open then, else the next instant at which it opens."""
        if self.contains(instant):
            return instant
        place = zone(self.timezone)
        today = instant.astimezone(place).date()
        walls = (
            datetime.combine(day, self.opens)
            for day in (today + timedelta(offset) for offset in range(-1, 10))
            if day.weekday() in self.days
        )
        after = utc(instant)
        return in_zone(next(each for each in localised(walls, place) if each > after), place)

    def __str__(self) -> str:
        """As `parse` reads it."""
        days = "" if len(self.days) == 7 else ",".join(_DAYS[day] for day in self.days) + " "
        return f"{days}{self.opens:%H:%M}-{self.closes:%H:%M}"


def any_open(windows: tuple[Window, ...], instant: datetime) -> bool:
    """Whether one of the windows is open; no windows at all means always."""
    return not windows or any(window.contains(instant) for window in windows)


def _weekdays(text: str | None, whole: str) -> tuple[int, ...]:
    if text is None:
        return tuple(range(7))
    days: list[int] = []
    for item in text.replace(" ", ",").split(","):
        if not item:
            continue
        first, _, last = item.partition("-")
        try:
            low, high = _DAYS.index(first), _DAYS.index(last or first)
        except ValueError:
            raise ValueError(f"window {whole!r}: {item!r} is not a day; {_ALLOWED}") from None
        days += [(low + offset) % 7 for offset in range((high - low) % 7 + 1)]
    return tuple(days)


def _time(text: str, whole: str) -> time:
    hour, minute = (int(part) for part in text.split(":"))
    if (hour, minute) == (24, 0):
        return time(0)
    if hour > 23 or minute > 59:
        raise ValueError(f"window {whole!r}: {text} is not a time of day; {_ALLOWED}")
    return time(hour, minute)

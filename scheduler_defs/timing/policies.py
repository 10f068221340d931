"""What a schedule may add to its rule: bounds, exclusions, lateness, catching up, jitter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from zoneinfo import ZoneInfo

from scheduler_defs.timing.durations import format_duration
from scheduler_defs.timing.exclusions import Excluded, Exclusion
from scheduler_defs.timing.instants import utc
from scheduler_defs.timing.windows import Window, any_open

MOST_CAUGHT_UP = 100
"""The most missed occurrences that `catch_up: all` or `backfill` runs at once; older ones count as missed."""


class CatchUp(StrEnum):
    """What becomes of occurrences that nobody was there to evaluate."""

    NONE = "none"
    """Nothing: only an occurrence whose own tick comes in time runs."""
    LATEST = "latest"
    """The most recent one runs, the earlier ones are collapsed into it."""
    ALL = "all"
    """All within the window run, oldest first, at most 100."""
    BACKFILL = "backfill"
    """As `all`, and all that run are one backfill, each for its own partition."""

    @property
    def runs_each(self) -> bool:
        """Whether each missed occurrence has a run of its own."""
        return self in (CatchUp.ALL, CatchUp.BACKFILL)


@dataclass(frozen=True, slots=True)
class Policies:
    """Frozen and checked; every fault is a ValueError of one line."""

    start: datetime | None = None
    """No occurrence before this instant. Aware."""
    end: datetime | None = None
    """No occurrence after this instant. Aware."""
    exclude: tuple[Exclusion, ...] = ()
    windows: tuple[Window, ...] = ()
    """Working hours: occurrences outside all of them are left out. None given: no restriction."""
    misfire_grace: timedelta | None = None
    """An occurrence evaluated later than this is not run. None: never too late."""
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window: timedelta = timedelta(hours=1)
    """How far back `catch_up: all` and `backfill` reach."""
    jitter: timedelta = timedelta(0)
    """Longest delay of a run's start; the delay of an occurrence is always the same."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "catch_up", CatchUp(self.catch_up))
        start, end = (None if each is None else utc(each) for each in (self.start, self.end))
        if start is not None and end is not None and end < start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        for name in ("misfire_grace", "catch_up_window", "jitter"):
            duration = getattr(self, name)
            if duration is not None and duration < timedelta(0):
                raise ValueError(f"{name} {format_duration(duration)} must not be negative")
        if self.jitter > timedelta(days=1):
            raise ValueError(f"jitter {format_duration(self.jitter)} must be at most 1d")

    def excluded(self, instant: datetime, place: ZoneInfo) -> Excluded | None:
        """Whether `exclude` or working hours leave out an occurrence at the instant, and until when.

        `place` is the schedule's zone.
        """
        for exclusion in self.exclude:
            if found := exclusion.excluded(instant, place):
                return found
        if any_open(self.windows, instant):
            return None
        opens = min(utc(window.next_open(instant)) for window in self.windows)
        return Excluded(f"outside working hours {', '.join(map(str, self.windows))}", opens)

    def refusal(self, instant: datetime, place: ZoneInfo) -> str | None:
        """Why an occurrence at the instant is left out, or None. `place` is the schedule's zone."""
        if self.start is not None and instant < self.start:
            return f"before start {self.start.isoformat(timespec='minutes')}"
        if self.end is not None and instant > self.end:
            return f"after end {self.end.isoformat(timespec='minutes')}"
        found = self.excluded(instant, place)
        return None if found is None else found.reason


def jitter_delay(name: str, occurrence: datetime, jitter: timedelta) -> timedelta:
    """The delay of this schedule's occurrence: whole seconds from 0 to `jitter`, the same each time asked."""
    seconds = int(jitter.total_seconds())
    if seconds <= 0:
        return timedelta(0)
    digest = sha256(f"{name}\n{utc(occurrence).isoformat()}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % (seconds + 1))

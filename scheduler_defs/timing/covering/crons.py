"""A cron that Dagster can run and that fires at every occurrence of a spec.

The evaluation asks `is_due` at each tick, so a covering cron may fire too often but never too rarely. It is
exact for crons, for `every` of days, weeks and months without longer steps, and for most rules.

Dagster's iterator has its own ideas in a few places, all covered here and proved against it by tests:

- Outside the hours 1 to 3, and in zones such as Dublin, Chatham or Casablanca, it does not find the end of
  a gap; outside these hours it may choose the first copy of a repeated time. Crons with such times are
  covered by an hourly one, which Dagster steps by elapsed time.
- Several crons are merged by wall clock, which loses order in a repeated hour. One with `*` in its hour
  field is therefore not mixed with others that have times there.
- Hourly crons go wrong in zones whose clock moves by half an hour, unless their minutes repeat every half
  hour.
- In `Antarctica/Troll` alone the clock moves by two hours: there a cron of every minute stands still for the
  second repeated hour, and catching up has to do the rest.
- `29 2 *` at the end is computed as the 28th plus a day, and missed when computed in between; `29 feb *`
  is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scheduler_defs.timing.covering.clock_changes import clock_changes, minute_shifts
from scheduler_defs.timing.covering.patterns import Pattern, patterns, union
from scheduler_defs.timing.instants import gap_end, zone
from scheduler_defs.timing.specs import Spec

_HOUR = timedelta(hours=1)
_DAGSTER_HOURS = (1, 2, 3)
"""The hours in which Dagster expects clock changes (`DAYLIGHT_SAVINGS_HOURS`)."""


def covering_cron(spec: Spec) -> str | list[str]:
    """A cron expression for Dagster, or several, that fire at every occurrence of the spec in its zone."""
    crons = _covering_cron(spec)
    return crons[0] if len(crons) == 1 else list(crons)


@lru_cache(maxsize=8_192)
def _covering_cron(spec: Spec) -> tuple[str, ...]:
    changes = _changes(spec.timezone)
    shifts = minute_shifts(spec.timezone)
    found = [_covered(pattern, changes) for pattern in patterns(spec)]
    stars = [pattern for pattern in found if pattern.hours is None]
    others = [pattern for pattern in found if pattern.hours is not None]
    if stars and (
        (len(stars) > 1 and changes.repeated) or any(_times(other) & changes.repeated for other in others)
    ):
        stars, others = [union([_hourly(pattern, changes) for pattern in found])], []
    stars = [_shifted(star, shifts) for star in stars]
    return tuple(dict.fromkeys(pattern.cron for pattern in (*stars, *others)))


def _covered(pattern: Pattern, changes: _Changes) -> Pattern:
    """The pattern, or an hourly one where Dagster would miss one of its times at a clock change."""
    if not pattern.every_hour and _times(pattern) & changes.mistaken:
        return replace(_hourly(pattern, changes), days="*", months="*", weekdays="*")
    return pattern if pattern.hours is not None else _hourly(pattern, changes)


def _hourly(pattern: Pattern, changes: _Changes) -> Pattern:
    """The pattern with `*` for its hour. That leaves gaps out: times in them need the minute of their end."""
    if pattern.hours is None and pattern.every_hour:
        return pattern
    ends = {end for time in _times(pattern) for end in changes.skipped.get(time, ())}
    minutes = tuple(sorted({*pattern.minutes, *ends}))
    return replace(pattern, minutes=minutes, hours=None, written=None)


def _shifted(pattern: Pattern, shifts: tuple[int, ...]) -> Pattern:
    """The pattern with minutes that stay the same when the clock moves by part of an hour."""
    minutes = tuple(sorted({(minute + shift) % 60 for minute in pattern.minutes for shift in shifts}))
    return pattern if minutes == pattern.minutes else replace(pattern, minutes=minutes, written=None)


def _times(pattern: Pattern) -> set[int]:
    """The minutes of the day at which the pattern can fire."""
    hours = range(24) if pattern.hours is None else pattern.hours
    return {hour * 60 + minute for hour in hours for minute in pattern.minutes}


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a zone's clock changes do to minutes of the day."""

    skipped: dict[int, set[int]]
    """Those that a change skips, with the minutes of the hour at which such gaps end."""
    repeated: frozenset[int]
    """Those that a change repeats."""
    mistaken: frozenset[int]
    """Those of both for which Dagster's iterator does not find the right instant."""


@lru_cache(maxsize=256)
def _changes(timezone: str) -> _Changes:
    place = zone(timezone)
    skipped: dict[int, set[int]] = {}
    repeated: set[int] = set()
    mistaken: set[int] = set()
    seen: set[tuple[object, ...]] = set()
    for change in clock_changes(timezone):
        saving = (change.instant + _HOUR).astimezone(place).dst()
        alike = (change.shown.time(), change.set_to.time(), saving)
        if alike in seen:
            continue
        seen.add(alike)
        wall, end = min(change.shown, change.set_to), max(change.shown, change.set_to)
        long = end - wall > _HOUR
        while wall < end:
            minute = wall.hour * 60 + wall.minute
            if change.skips:
                skipped.setdefault(minute, set()).add(end.minute)
            else:
                repeated.add(minute)
            if long or _mistaken(wall, place, skips=change.skips):
                mistaken.add(minute)
            wall += timedelta(minutes=1)
    return _Changes(skipped, frozenset(repeated), frozenset(mistaken))


def _mistaken(wall: datetime, place: ZoneInfo, *, skips: bool) -> bool:
    """Whether Dagster (`apply_post_transition`, `_apply_fold`) gets this skipped or repeated time wrong."""
    if not skips:
        return wall.hour not in _DAGSTER_HOURS
    end = gap_end(wall, place)
    if wall.hour not in _DAGSTER_HOURS:
        return wall.replace(tzinfo=place).astimezone(UTC) != end
    saving = (wall + _HOUR).replace(tzinfo=place).dst() or timedelta()
    found = wall.replace(minute=0, tzinfo=place) + saving
    changed = found.replace(fold=1)
    unclear = found.utcoffset() != changed.utcoffset()
    return found.astimezone(UTC) != end or (
        unclear and found.hour in _DAGSTER_HOURS and changed.astimezone(UTC) != end
    )

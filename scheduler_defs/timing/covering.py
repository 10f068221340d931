"""A cron that Dagster can run and that fires at every occurrence of a spec.

The evaluation asks `is_due` at each tick, so a covering cron may fire too often but never too rarely. It is
exact for crons, for `every` of days, weeks and months without longer steps, and for most rules.

Dagster's iterator has its own ideas in a few places, all covered here and proved against it by tests:
- Outside the hours 1 to 3, and in zones such as Dublin, Chatham or Casablanca, it does not find the end of
  a gap; and outside these hours it may choose the first copy of a repeated time. Crons for the right
  instants, restricted to the months and weekdays of such changes, are added.
- Several crons are merged by wall clock, which loses order in a repeated hour. So at most one of them has
  `*` in its hour field, and it comes first.
- Hourly crons go wrong in zones whose clock moves by half an hour, unless their minutes repeat every half hour.
- `29 2 *` at the end is computed as the 28th plus a day and missed when started in between; `29 feb *` is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scheduler_defs.timing.clock_changes import ClockChange, clock_changes, minute_shifts
from scheduler_defs.timing.instants import gap_end, zone
from scheduler_defs.timing.patterns import Pattern, listed, patterns, union
from scheduler_defs.timing.specs import Spec

_HOUR = timedelta(hours=1)
_DAGSTER_HOURS = (1, 2, 3)
"""The hours in which Dagster expects clock changes (`DAYLIGHT_SAVINGS_HOURS`)."""


def covering_cron(spec: Spec) -> str | list[str]:
    """A cron expression for Dagster, or several, that fire at every occurrence of the spec in its zone."""
    return _covering_cron(spec)[0] if len(_covering_cron(spec)) == 1 else list(_covering_cron(spec))


@lru_cache(maxsize=8_192)
def _covering_cron(spec: Spec) -> tuple[str, ...]:
    found = patterns(spec)
    changes = _changes(spec.timezone)
    added = [extra for pattern in found if not pattern.every_hour for extra in _extras(pattern, changes)]
    shifts = minute_shifts(spec.timezone)
    stars = [pattern for pattern in found if pattern.hours is None]
    others = [pattern for pattern in found if pattern.hours is not None]
    if stars and (len(stars) > 1 or _repeated(others, changes)):
        stars, others = [replace(union([*stars, *others, *added]), hours=None, written=None)], []
        added = []
    # Extras come before what they correct: of two equal wall-clock times Dagster takes the first.
    ordered = [*(_shifted(star, shifts) for star in stars), *added, *others]
    return tuple(dict.fromkeys(pattern.cron for pattern in ordered))


def _shifted(pattern: Pattern, shifts: tuple[int, ...]) -> Pattern:
    """The pattern with minutes that stay the same when the clock moves by part of an hour."""
    minutes = tuple(sorted({(minute + shift) % 60 for minute in pattern.minutes for shift in shifts}))
    return pattern if minutes == pattern.minutes else replace(pattern, minutes=minutes, written=None)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Clock changes that look alike: the wall-clock minutes of the day they affect, and when they come."""

    skips: bool
    affected: frozenset[int]
    mistaken: frozenset[int]
    """Those of them for which Dagster's iterator does not find the right instant."""
    end: tuple[int, int]
    """Hour and minute at which a gap ends."""
    months: str
    weekdays: str


@lru_cache(maxsize=256)
def _changes(timezone: str) -> tuple[_Kind, ...]:
    place = zone(timezone)
    groups: dict[tuple[object, ...], list[ClockChange]] = {}
    for change in clock_changes(timezone):
        saving = (change.instant + _HOUR).astimezone(place).dst()
        groups.setdefault((change.shown.time(), change.set_to.time(), saving), []).append(change)
    kinds: list[_Kind] = []
    for changes in groups.values():
        sample = changes[0]
        low, high = min(sample.shown, sample.set_to), max(sample.shown, sample.set_to)
        walls = [low + timedelta(minutes=n) for n in range(int((high - low).total_seconds()) // 60)]
        mistaken = [wall for wall in walls if _mistaken(wall, place, skips=sample.skips)]
        dates = [
            day
            for change in changes
            for day in ((change.set_to,) if change.skips else (change.shown, change.set_to))
        ]
        months = {day.month for day in dates}
        weekdays = {(day.weekday() + 1) % 7 for day in dates}
        kinds.append(
            _Kind(
                skips=sample.skips,
                affected=frozenset(map(_minute_of_day, walls)),
                mistaken=frozenset(map(_minute_of_day, mistaken)),
                end=(sample.set_to.hour, sample.set_to.minute),
                months="*" if len(months) == 12 else listed(months),
                weekdays="*" if len(weekdays) == 7 else listed(weekdays),
            )
        )
    return tuple(kinds)


def _minute_of_day(wall: datetime) -> int:
    return wall.hour * 60 + wall.minute


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


def _extras(pattern: Pattern, changes: tuple[_Kind, ...]) -> Iterable[Pattern]:
    """Crons for the instants near clock changes at which Dagster does not fire the pattern."""
    hours = range(24) if pattern.hours is None else pattern.hours
    times = {hour * 60 + minute for hour in hours for minute in pattern.minutes}
    for kind in changes:
        dates = {"months": kind.months, "weekdays": kind.weekdays}
        if kind.skips:
            # A `*` hour skips the gap, and then every time in it needs the gap's end.
            if times & (kind.affected if pattern.hours is None else kind.mistaken):
                yield Pattern((kind.end[1],), (kind.end[0],), **dates)
        elif pattern.hours is not None and (repeated := times & kind.mistaken):
            at_hours = {time // 60 for time in repeated}
            if kind.months == "*":
                # Two hours keep Dagster off its short cut for daily crons, which takes the first copy.
                at_hours |= {(min(at_hours) + 1) % 24}
            yield Pattern(tuple(sorted({time % 60 for time in repeated})), tuple(sorted(at_hours)), **dates)


def _repeated(found: list[Pattern], changes: tuple[_Kind, ...]) -> bool:
    """Whether any of the patterns has a time that a clock change repeats."""
    times = {hour * 60 + minute for each in found for hour in each.hours or () for minute in each.minutes}
    return any(times & kind.affected for kind in changes if not kind.skips)

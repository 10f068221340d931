"""Zones, instants, and the one rule for wall-clock times that do not exist or exist twice.

Instants leave this package as datetimes with a fixed offset (`2026-11-01T01:30:00-05:00`), not with a
ZoneInfo: Python compares two datetimes of one ZoneInfo by their wall clocks, which is wrong in the hour
that a clock change repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache, lru_cache
from heapq import heappop, heappush
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
_NOTHING = timedelta(0)
_LOOK_BACK = timedelta(hours=26)
"""Clock changes are shorter than three hours, except where the calendar skipped a day."""


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ValueError for anything else."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, TypeError, KeyError):
        raise ValueError(
            f"timezone {name!r} is not known; use an IANA name, for example UTC or America/Chicago"
        ) from None


def utc(instant: datetime) -> datetime:
    """The instant in UTC. Raises ValueError if it has no offset."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no offset; give an aware datetime")
    return instant.astimezone(UTC)


def in_zone(instant: datetime, place: ZoneInfo) -> datetime:
    """The same instant with the fixed offset that the zone has at that moment."""
    local = instant.astimezone(place)
    return local.replace(tzinfo=_offset(local.utcoffset() or timedelta()), fold=0)


@cache
def _offset(offset: timedelta) -> timezone:
    return timezone(offset) if offset else UTC


def localise(wall: datetime, place: ZoneInfo) -> datetime:
    """The instant (UTC) at which a once-a-day clock event at this wall-clock time happens.

    Dagster's rule: a time that exists twice happens at the later instant; a time that a clock change
    skips happens at the end of the gap. Where the calendar skipped whole days (Apia, 30 December 2011)
    it happens at the same time of the next day that exists.
    """
    first = wall.replace(tzinfo=place, fold=0)
    second = wall.replace(tzinfo=place, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before == after or before is None or after is None:
        return first.astimezone(UTC)
    if before > after:
        return second.astimezone(UTC)
    if after - before >= DAY:
        return first.astimezone(UTC)
    return gap_end(wall, place)


def day_begins(day: date, place: ZoneInfo) -> datetime:
    """The day's first instant (UTC): the first of two midnights, or the end of the gap that skips it."""
    midnight = datetime.combine(day, time())
    first, second = midnight.replace(tzinfo=place, fold=0), midnight.replace(tzinfo=place, fold=1)
    if (first.utcoffset() or _NOTHING) > (second.utcoffset() or _NOTHING):
        return first.astimezone(UTC)
    return localise(midnight, place)


def gap_end(wall: datetime, place: ZoneInfo) -> datetime:
    """The instant (UTC) of the clock change that skips this wall-clock time."""
    early = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    late = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    new_offset = late.astimezone(place).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
        if middle.astimezone(place).utcoffset() == new_offset:
            late = middle
        else:
            early = middle
    return late


def localised(walls: Iterable[datetime], place: ZoneInfo, *, every_hour: bool = False) -> Iterator[datetime]:
    """Instants (UTC, strictly increasing) of increasing wall-clock times.

    With `every_hour`, for events that come round in every hour of the day: both copies of a repeated hour
    run, and times that do not exist are left out (the hour is not there to run in).
    """
    waiting: list[datetime] = []
    last = datetime.min.replace(tzinfo=UTC)
    day, steady = 0, None
    for wall in walls:
        if wall.toordinal() != day:
            day = wall.toordinal()
            steady = _steady_offset(day, place)
        if steady is not None:
            instant = (wall - steady).replace(tzinfo=UTC)
        else:
            first, second = wall.replace(tzinfo=place, fold=0), wall.replace(tzinfo=place, fold=1)
            before, after = first.utcoffset() or _NOTHING, second.utcoffset() or _NOTHING
            instant = first.astimezone(UTC)
            if before < after:
                if every_hour:
                    continue
                if after - before >= DAY:
                    heappush(waiting, instant)
                    continue
                instant = gap_end(wall, place)
            elif before > after:
                if every_hour:
                    heappush(waiting, second.astimezone(UTC))
                else:
                    instant = second.astimezone(UTC)
        while waiting and waiting[0] <= instant:
            if (due := heappop(waiting)) > last:
                yield due
                last = due
        if instant > last:
            yield instant
            last = instant
    while waiting:
        if (due := heappop(waiting)) > last:
            yield due
            last = due


@lru_cache(maxsize=16_384)
def _steady_offset(day: int, place: ZoneInfo) -> timedelta | None:
    """The zone's offset if the clock does not change around that day; days without a change are the rule."""
    midnight = datetime.fromordinal(day).replace(tzinfo=UTC)
    offset = (midnight - 2 * DAY).astimezone(place).utcoffset()
    return offset if offset == (midnight + 3 * DAY).astimezone(place).utcoffset() else None


def instants_after(
    walls: Callable[[datetime], Iterable[datetime]],
    place: ZoneInfo,
    after: datetime,
    *,
    every_hour: bool = False,
) -> Iterator[datetime]:
    """The instants (UTC) of wall-clock times after `after` (UTC). `walls(begin)` lists them from there.

    Near a clock change it looks back: times that the clock has shown before can still be due.
    """
    steady = _steady_offset(after.toordinal(), place)
    if steady is None:
        begin = after.astimezone(place).replace(tzinfo=None, fold=0) - _LOOK_BACK
    else:
        begin = (after + steady).replace(tzinfo=None)
    for found in localised(walls(begin), place, every_hour=every_hour):
        if found > after:
            yield found


def parse_instant(value: str | datetime | date, timezone_name: str, *, end_of_day: bool = False) -> datetime:
    """Read an instant that a declaration names: as `read_instant`, whole minutes of the years 1970 to 2999.

    A date alone means its first minute, with `end_of_day` its last. Raises ValueError.
    """
    if end_of_day and (day := _only_date(value)) is not None:
        value = datetime.combine(day, time(23, 59))
    parsed = _parsed(value)
    if parsed.second or parsed.microsecond:
        raise ValueError(f"{value} is not a whole minute; schedules tick once a minute")
    if not 1970 <= parsed.year <= 2999:
        raise ValueError(f"{value} is outside the years 1970 to 2999")
    return read_instant(parsed, timezone_name)


def read_instant(value: str | datetime | date, timezone_name: str) -> datetime:
    """Read any ISO 8601 instant; without an offset it is read in the zone, by the rule of `localise`.

    A date alone means its first moment. Raises ValueError.
    """
    place = zone(timezone_name)
    parsed = _parsed(value)
    try:
        return in_zone(localise(parsed, place) if parsed.tzinfo is None else utc(parsed), place)
    except OverflowError:
        raise ValueError(f"{value} is outside the years 1 to 9999") from None


def _parsed(value: str | datetime | date) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(
            f"{value!r} is not an instant; write ISO 8601, for example 2026-12-31T23:00 or"
            " 2026-12-31T23:00+01:00"
        ) from None


def _only_date(value: str | datetime | date) -> date | None:
    """The date, if there is no time with it."""
    if isinstance(value, datetime):
        return None
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        return None


def parse_date(value: str | date) -> date:
    """Read a calendar date, `2026-12-25`. Raises ValueError."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"{value!r} is not a date; write it as 2026-12-25") from None

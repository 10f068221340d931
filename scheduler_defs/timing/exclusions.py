"""What `exclude` may hold: dates, date ranges, windows that a cron opens, public holidays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

from scheduler_defs.timing.cron import parse_cron
from scheduler_defs.timing.cron_table import CronTable, month_days
from scheduler_defs.timing.durations import format_duration, parse_duration
from scheduler_defs.timing.instants import MINUTE, instants_after, localise, parse_date, utc

_MOST_JOINED = 64
"""Cron windows that follow each other without a break are looked at as one, up to this many."""
_FAR = timedelta(days=1_500)
_ALLOWED = (
    "write a date, {from: DATE, to: DATE}, {cron: EXPRESSION, for: DURATION} or"
    " {holidays: COUNTRY, subdivision: CODE}"
)


@dataclass(frozen=True, slots=True)
class Excluded:
    """Why an instant is excluded, and the first instant after it at which this reason no longer holds."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ExcludedDates:
    """Whole days of the schedule's zone, first and last included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"exclude: the range ends ({self.last}) before it begins ({self.first})")

    def excluded(self, instant: datetime, place: ZoneInfo) -> Excluded | None:
        if self.first <= instant.astimezone(place).date() <= self.last:
            return Excluded(f"excluded: {self}", _midnight_after(self.last, place))
        return None

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class ExcludedCron:
    """Windows that open whenever the cron matches the schedule's wall clock and stay open for `duration`."""

    expression: str
    duration: timedelta = MINUTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", parse_cron(self.expression).expression)
        if not timedelta(0) < self.duration <= timedelta(days=366):
            raise ValueError(f"exclude: a window of {format_duration(self.duration)} must be 1m to 366d")

    def excluded(self, instant: datetime, place: ZoneInfo) -> Excluded | None:
        table = parse_cron(self.expression)
        opened_after = utc(instant) - self.duration
        openings = instants_after(table.walls, place, opened_after, every_hour=table.every_hour)
        first = next(openings, None)
        if first is None or first > instant:
            return None
        if _all_day(table, self.duration):
            return Excluded(f"excluded: {self}", _matching_days_end(table, instant, place))
        until = first + self.duration
        for opening in islice(openings, _MOST_JOINED):
            if opening > until:
                break
            until = opening + self.duration
        return Excluded(f"excluded: {self}", until)

    def __str__(self) -> str:
        return f"{self.expression} for {format_duration(self.duration)}"


@dataclass(frozen=True, slots=True)
class ExcludedHolidays:
    """Public holidays of a country (`US`, with `subdivision` `CA`) or of a market (`NYSE`).

    As known to the `holidays` library, by the date in the schedule's zone.
    """

    country: str
    subdivision: str | None = None

    def __post_init__(self) -> None:
        _holidays(self.country, self.subdivision, 2024)

    def excluded(self, instant: datetime, place: ZoneInfo) -> Excluded | None:
        day = instant.astimezone(place).date()
        name = _holidays(self.country, self.subdivision, day.year).get(day)
        return None if name is None else Excluded(f"excluded: {name} ({self})", _midnight_after(day, place))

    def __str__(self) -> str:
        return f"holidays {self.country}" + (f"-{self.subdivision}" if self.subdivision else "")


@lru_cache(maxsize=1_024)
def _all_day(table: CronTable, duration: timedelta) -> bool:
    """Whether the windows of a matching day leave no minute of it open."""
    times = [hour * 60 + minute for hour in table.hours for minute in table.minutes]
    ends = [*times[1:], 1_440]
    return times[0] == 0 and all(
        timedelta(minutes=end - begin) <= duration for begin, end in zip(times, ends, strict=True)
    )


def _matching_days_end(table: CronTable, instant: datetime, place: ZoneInfo) -> datetime:
    """The first midnight after days that all match. Never before the instant: it is in a window."""
    day = first = instant.astimezone(place).date()
    while day.day in month_days(table, day.year, day.month) if day.month in table.months else False:
        day += timedelta(days=1)
        if day - first > _FAR:
            break
    end = localise(datetime.combine(day, time()), place)
    return max(end, utc(instant))


def _midnight_after(day: date, place: ZoneInfo) -> datetime:
    return localise(datetime.combine(day + timedelta(days=1), time()), place)


Exclusion: TypeAlias = ExcludedDates | ExcludedCron | ExcludedHolidays


def parse_exclusion(value: object) -> Exclusion:
    """One entry of `exclude` as YAML gives it. Raises ValueError."""
    if isinstance(value, date):
        day = parse_date(value)
        return ExcludedDates(day, day)
    if isinstance(value, str):
        first, separator, last = value.partition("..")
        day = parse_date(first)
        return ExcludedDates(day, parse_date(last) if separator else day)
    if not isinstance(value, Mapping):
        raise ValueError(f"exclude: {value!r} is not understood; {_ALLOWED}")
    entry = cast("Mapping[str, Any]", value)
    match sorted(entry):
        case ["from", "to"]:
            return ExcludedDates(parse_date(entry["from"]), parse_date(entry["to"]))
        case ["cron"]:
            return ExcludedCron(str(entry["cron"]))
        case ["cron", "for"]:
            return ExcludedCron(str(entry["cron"]), parse_duration(entry["for"]))
        case ["holidays"]:
            return ExcludedHolidays(str(entry["holidays"]))
        case ["holidays", "subdivision"]:
            return ExcludedHolidays(str(entry["holidays"]), str(entry["subdivision"]))
        case keys:
            raise ValueError(f"exclude: keys {', '.join(map(str, keys))} are not understood; {_ALLOWED}")


@lru_cache(maxsize=1_024)
def _holidays(country: str, subdivision: str | None, year: int) -> dict[date, str]:
    """Holidays of the year by date, names in English where the library has them. Raises ValueError."""
    # Loads a hundred country modules' worth of metadata; most yards name no country.
    import holidays

    countries, markets = holidays.list_supported_countries(), holidays.list_supported_financial()
    if country in markets and country not in countries:
        return dict(holidays.financial_holidays(country, years=year))
    if country not in countries:
        raise ValueError(
            f"exclude: holidays of {country!r} are not known; use an ISO 3166 code such as US or DE, or a"
            f" market: {', '.join(sorted(markets))}"
        )
    if subdivision is not None and subdivision not in countries[country]:
        known = ", ".join(sorted(countries[country])) or "none"
        raise ValueError(f"exclude: {country} has no subdivision {subdivision!r}; known are {known}")
    found = holidays.country_holidays(country, subdiv=subdivision, years=year)
    return dict(found)

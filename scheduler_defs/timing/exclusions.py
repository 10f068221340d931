"""What `exclude` may hold: dates, date ranges, windows that a cron opens, public holidays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

from scheduler_defs.timing.cron.expression import parse_cron
from scheduler_defs.timing.cron.table import CronTable, month_days
from scheduler_defs.timing.durations import format_duration, parse_duration
from scheduler_defs.timing.instants import DAY, MINUTE, day_begins, instants_after, localise, parse_date, utc

_MOST_JOINED = 64
"""Cron windows that follow each other without a break are looked at as one, up to this many."""
_FAR = timedelta(days=1_500)
_NOTHING = timedelta(0)
_LONGEST_CHANGE = timedelta(hours=3)
"""By so much at most a clock change moves the end of a window of whole days."""
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
            return Excluded(f"excluded: {self}", _end_of(self.last, place))
        return None

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class ExcludedCron:
    """Windows that open whenever the cron matches the schedule's wall clock and stay open for `duration`.

    Whole days of the duration are days of the calendar, which a clock change makes longer or shorter. Windows
    that leave no minute of a day open by the clock exclude it whole.
    """

    expression: str
    duration: timedelta = MINUTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", parse_cron(self.expression).expression)
        if not timedelta(0) < self.duration <= timedelta(days=366):
            raise ValueError(f"exclude: a window of {format_duration(self.duration)} must be 1m to 366d")

    def excluded(self, instant: datetime, place: ZoneInfo) -> Excluded | None:
        table = parse_cron(self.expression)
        if _all_day(table, self.duration) and _on(table, instant.astimezone(place).date()):
            return Excluded(f"excluded: {self}", _matching_days_end(table, instant, place))
        opened_after = utc(instant) - self.duration - (_LONGEST_CHANGE if self.duration >= DAY else _NOTHING)
        openings = instants_after(table.walls, place, opened_after, every_hour=table.every_hour)
        until: datetime | None = None
        joined = 0
        for opening in openings:
            if opening > (instant if until is None else until) or joined > _MOST_JOINED:
                break
            end = self._end(opening, place)
            if end > instant:
                until = end if until is None else max(until, end)
                joined += 1
        return None if until is None else Excluded(f"excluded: {self}", until)

    def _end(self, opening: datetime, place: ZoneInfo) -> datetime:
        days, rest = divmod(self.duration, DAY)
        if not days:
            return opening + rest
        wall = opening.astimezone(place).replace(tzinfo=None, fold=0)
        return localise(wall + days * DAY, place) + rest

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
        return None if name is None else Excluded(f"excluded: {name} ({self})", _end_of(day, place))

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


def _on(table: CronTable, day: date) -> bool:
    return day.month in table.months and day.day in month_days(table, day.year, day.month)


def _matching_days_end(table: CronTable, instant: datetime, place: ZoneInfo) -> datetime:
    """When the days end that all match, from the instant's on; of very many, some time before."""
    day = first = instant.astimezone(place).date()
    while _on(table, day) and day - first <= _FAR:
        day += DAY
    return day_begins(day, place)


def _end_of(day: date, place: ZoneInfo) -> datetime:
    return day_begins(day + DAY, place)


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

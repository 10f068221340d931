"""A parsed cron expression: matching, and walking through wall-clock times."""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

SEARCH_YEARS = 50
"""How far ahead a match is looked for, as in Dagster's iterator."""

LAST = -1
"""`L` in a list of days or of n-th weekdays."""


@dataclass(frozen=True, slots=True)
class CronTable:
    """One parsed expression. `None` stands for an unrestricted field."""

    expression: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...] | None
    """Days of the month; -1 is the last one."""
    months: tuple[int, ...]
    weekdays: tuple[int, ...] | None
    """0 is Sunday."""
    nth: tuple[tuple[int, int], ...]
    """(weekday, n-th in the month) pairs; n = -1 is the last one."""
    every_hour: bool
    """The hour field is `*`: runs in both copies of a repeated hour and in no skipped one."""

    def matches(self, wall: datetime) -> bool:
        """Whether the wall-clock time (whole minutes) is one of the expression's."""
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.month in self.months
            and wall.day in month_days(self, wall.year, wall.month)
        )

    def walls(self, start: datetime) -> Iterator[datetime]:
        """Matching wall-clock times from `start` (naive, inclusive), until 50 years pass without one."""
        if start.second or start.microsecond:
            start = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
        year, month = start.year, start.month
        day, hour, minute = start.day, start.hour, start.minute
        give_up = year + SEARCH_YEARS
        while year <= give_up and year < 9999:
            if month in self.months:
                days = month_days(self, year, month)
                for matching_day in days[bisect_left(days, day) :]:
                    if matching_day > day:
                        hour = minute = 0
                    for matching_hour in self.hours[bisect_left(self.hours, hour) :]:
                        if matching_hour > hour:
                            minute = 0
                        for matching_minute in self.minutes[bisect_left(self.minutes, minute) :]:
                            yield datetime(year, month, matching_day, matching_hour, matching_minute)
                        minute = 0
                    hour = minute = 0
                if days:
                    give_up = year + SEARCH_YEARS
            day, hour, minute = 1, 0, 0
            month += 1
            if month > 12:
                year, month = year + 1, 1


@lru_cache(maxsize=8_192)
def month_days(table: CronTable, year: int, month: int) -> tuple[int, ...]:
    """The days of this month, in order, that the expression's day fields allow."""
    first_weekday, length = monthrange(year, month)
    days: set[int] | None = None
    if table.days is not None:
        days = {length if day == LAST else day for day in table.days if day <= length}
    weekdays: set[int] | None = None
    if table.nth:
        weekdays = set()
        for weekday, nth in table.nth:
            # monthrange counts from Monday = 0, cron from Sunday = 0
            first = 1 + (weekday - (first_weekday + 1)) % 7
            on = list(range(first, length + 1, 7))
            if nth == LAST:
                weekdays.add(on[-1])
            elif nth <= len(on):
                weekdays.add(on[nth - 1])
    elif table.weekdays is not None:
        weekdays = {day for day in range(1, length + 1) if (first_weekday + day) % 7 in table.weekdays}
    if weekdays is None:
        return tuple(range(1, length + 1)) if days is None else tuple(sorted(days))
    if days is None:
        return tuple(sorted(weekdays))
    if table.nth:
        return tuple(sorted(weekdays if table.weekdays is not None else days & weekdays))
    return tuple(sorted(days | weekdays))

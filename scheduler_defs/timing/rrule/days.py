"""Which days of a month or year the BY parts of a `Rule` allow."""

from __future__ import annotations

from calendar import isleap, monthrange
from datetime import date, timedelta
from functools import lru_cache

from scheduler_defs.timing.rrule.rules import Freq, Rule


def days_of(rule: Rule, year: int, months: tuple[int, ...]) -> list[date]:
    """The allowed days of a month or year, in order."""
    return list(_days_of(rule, year, months))


@lru_cache(maxsize=4_096)
def _days_of(rule: Rule, year: int, months: tuple[int, ...]) -> tuple[date, ...]:
    if rule.byyearday:
        numbers = sorted({n if n > 0 else _year_length(year) + 1 + n for n in rule.byyearday})
        days = [date(year, 1, 1) + timedelta(n - 1) for n in numbers if 1 <= n <= _year_length(year)]
        return tuple(day for day in days if allowed(rule, day))
    if rule.byday and not rule.bymonth and rule.freq is Freq.YEARLY and all(n for n, _ in rule.byday):
        days = sorted({_nth_weekday(year, n, weekday) for n, weekday in rule.byday})
        return tuple(day for day in days if day.year == year and allowed(rule, day))
    found: list[date] = []
    for month in months:
        if rule.bymonth and month not in rule.bymonth:
            continue
        length = monthrange(year, month)[1]
        numbers = (
            sorted({n if n > 0 else length + 1 + n for n in rule.bymonthday})
            if rule.bymonthday
            else range(1, length + 1)
        )
        dates = [date(year, month, number) for number in numbers if 1 <= number <= length]
        found += [day for day in dates if allowed(rule, day)]
    return tuple(found)


def allowed(rule: Rule, day: date) -> bool:
    """Whether the day passes all of the rule's BY parts for days."""
    if rule.bymonth and day.month not in rule.bymonth:
        return False
    if rule.byday and not _weekday_allowed(rule, day):
        return False
    if rule.bymonthday:
        length = monthrange(day.year, day.month)[1]
        if day.day not in rule.bymonthday and day.day - length - 1 not in rule.bymonthday:
            return False
    if rule.byyearday:
        number = day.timetuple().tm_yday
        if number not in rule.byyearday and number - _year_length(day.year) - 1 not in rule.byyearday:
            return False
    if rule.byweekno:
        number, weeks = _week(day, rule.wkst)
        return number in rule.byweekno or number - weeks - 1 in rule.byweekno
    return True


def _weekday_allowed(rule: Rule, day: date) -> bool:
    weekday = day.weekday()
    if (0, weekday) in rule.byday:
        return True
    if all(n == 0 for n, _ in rule.byday):
        return False
    if rule.freq is Freq.YEARLY and not rule.bymonth:
        number, length = day.timetuple().tm_yday, _year_length(day.year)
    else:
        number, length = day.day, monthrange(day.year, day.month)[1]
    return ((number - 1) // 7 + 1, weekday) in rule.byday or (
        -((length - number) // 7 + 1),
        weekday,
    ) in rule.byday


def _nth_weekday(year: int, n: int, weekday: int) -> date:
    """The n-th such weekday of the year, counted from its end if negative; may lie in a neighbouring year."""
    edge = date(year, 1, 1) if n > 0 else date(year, 12, 31)
    offset = (weekday - edge.weekday()) % 7 if n > 0 else -((edge.weekday() - weekday) % 7)
    return edge + timedelta(offset + 7 * (n - 1 if n > 0 else n + 1))


def _year_length(year: int) -> int:
    return 366 if isleap(year) else 365


def _week(day: date, wkst: int) -> tuple[int, int]:
    """(number of the day's week, weeks in its year); week 1 is the first with four days in the year."""
    year = day.year
    first = _week_one(year, wkst)
    if day < first:
        year, first = year - 1, _week_one(year - 1, wkst)
    elif day >= (following := _week_one(year + 1, wkst)):
        year, first = year + 1, following
    return (day - first).days // 7 + 1, (_week_one(year + 1, wkst) - first).days // 7


@lru_cache(maxsize=1_024)
def _week_one(year: int, wkst: int) -> date:
    fourth = date(year, 1, 4)
    return fourth - timedelta((fourth.weekday() - wkst) % 7)

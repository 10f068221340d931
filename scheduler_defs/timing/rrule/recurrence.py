"""Recurrence rules worked out: the wall-clock times of a `Rule` from any moment on.

python-dateutil reads the same rules but walks from DTSTART each time and keeps searching to the year 9999
when nothing matches, so it is the reference in the tests and not the engine: here every period (day, week,
month, year) is reached by arithmetic, and a search ends after 100 years without a match.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from math import gcd

from scheduler_defs.timing.rrule.days import allowed, days_of
from scheduler_defs.timing.rrule.rules import Freq, Rule

SEARCH_YEARS = 100
_LAST_YEAR = 9_000
_SUB_DAILY = (Freq.MINUTELY, Freq.HOURLY)
_DAY = timedelta(days=1)


def rule_walls(rule: Rule, start: datetime, after: datetime) -> Iterator[datetime]:
    """Wall-clock times of the rule that are not before `start` nor before `after` (all naive), in order.

    `start` is RFC 5545's DTSTART, except that it is no occurrence by itself. An UNTIL given in UTC is left
    to the caller, who knows the zone.
    """
    rule = complete(rule, start)
    if rule.count is not None:
        counted = _counted(rule, start)
        yield from counted[bisect_left(counted, after) :]
        return
    until = rule.until if rule.until is not None and rule.until.tzinfo is None else None
    begin = max(start, after)
    for wall in _sub_daily(rule, start, begin) if rule.freq in _SUB_DAILY else _daily(rule, start, begin):
        if until is not None and wall > until:
            return
        yield wall


def complete(rule: Rule, start: datetime) -> Rule:
    """The rule with the parts that RFC 5545 takes from DTSTART written out."""
    if rule.freq not in _SUB_DAILY and not rule.byhour:
        rule = replace(rule, byhour=(start.hour,))
    if rule.freq is not Freq.MINUTELY and not rule.byminute:
        rule = replace(rule, byminute=(start.minute,))
    if rule.freq in _SUB_DAILY or rule.byweekno or rule.byyearday or rule.bymonthday or rule.byday:
        return rule
    if rule.freq is Freq.WEEKLY:
        return replace(rule, byday=((0, start.weekday()),))
    if rule.freq is Freq.MONTHLY:
        return replace(rule, bymonthday=(start.day,))
    if rule.freq is Freq.YEARLY:
        return replace(rule, bymonth=rule.bymonth or (start.month,), bymonthday=(start.day,))
    return rule


@lru_cache(maxsize=1_024)
def _counted(rule: Rule, start: datetime) -> tuple[datetime, ...]:
    return tuple(islice(rule_walls(replace(rule, count=None), start, start), rule.count))


def _daily(rule: Rule, start: datetime, begin: datetime) -> Iterator[datetime]:
    """Rules that count days, weeks, months or years."""
    clock = [time(hour, minute) for hour in rule.byhour for minute in rule.byminute]
    if rule.freq is Freq.DAILY and not _chosen([datetime.combine(start, at) for at in clock], rule.bysetpos):
        return
    give_up = begin.year + SEARCH_YEARS
    for year, days in _periods(rule, start.date(), begin.date()):
        if year > give_up:
            return
        if not days:
            continue
        walls = [datetime.combine(day, at) for day in days for at in clock]
        for wall in _chosen(walls, rule.bysetpos):
            if wall >= begin:
                give_up = year + SEARCH_YEARS
                yield wall


def _chosen(walls: list[datetime], positions: tuple[int, ...]) -> list[datetime]:
    """Those at BYSETPOS (counted from 1, or from the end), or all of them."""
    if not positions:
        return walls
    size = len(walls)
    return [
        walls[index]
        for index in sorted({p - 1 if p > 0 else size + p for p in positions})
        if 0 <= index < size
    ]


def _periods(rule: Rule, start: date, begin: date) -> Iterator[tuple[int, list[date]]]:
    """(year, allowed days) of each period of the rule, from the one that contains `begin` on."""
    step = rule.interval
    if rule.freq in (Freq.DAILY, Freq.WEEKLY):
        length = step if rule.freq is Freq.DAILY else 7 * step
        first = start if rule.freq is Freq.DAILY else start - timedelta((start.weekday() - rule.wkst) % 7)
        day = first + timedelta((begin - first).days // length * length)
        while day.year < _LAST_YEAR:
            days = [day] if rule.freq is Freq.DAILY else [day + timedelta(offset) for offset in range(7)]
            yield day.year, [each for each in days if allowed(rule, each)]
            day += timedelta(length)
            if rule.bymonth and not {day.month, (day + timedelta(6)).month} & set(rule.bymonth):
                # Nothing can match before the next allowed month: jump over whole steps.
                target = _first_of_next(rule.bymonth, day)
                day += timedelta(max(0, (target - day).days - 6) // length * length)
        return
    if rule.freq is Freq.MONTHLY:
        months = start.year * 12 + start.month - 1
        months += (begin.year * 12 + begin.month - 1 - months) // step * step
        while months // 12 < _LAST_YEAR:
            year, month = months // 12, months % 12 + 1
            yield year, days_of(rule, year, (month,))
            months += step
        return
    year = start.year + (begin.year - start.year) // step * step
    while year < _LAST_YEAR:
        yield year, days_of(rule, year, rule.bymonth or tuple(range(1, 13)))
        year += step


def _first_of_next(months: tuple[int, ...], day: date) -> date:
    later = [month for month in months if month > day.month]
    return date(day.year, later[0], 1) if later else date(day.year + 1, months[0], 1)


def _sub_daily(rule: Rule, start: datetime, begin: datetime) -> Iterator[datetime]:
    """Rules that count hours or minutes of the wall clock."""
    day = begin.date()
    give_up = day.year + SEARCH_YEARS
    first = start.toordinal()
    step, unit = (rule.interval, 24) if rule.freq is Freq.HOURLY else (rule.interval, 1_440)
    offset = start.hour if rule.freq is Freq.HOURLY else start.hour * 60 + start.minute
    phases = ((offset - days * unit) % step for days in range(step // gcd(step, unit)))
    if not any(_minutes_of_day(rule, phase) for phase in phases):
        return
    while day.year <= give_up and day.year < _LAST_YEAR:
        if rule.bymonth and day.month not in rule.bymonth:
            day = _first_of_next(rule.bymonth, day)
            continue
        if allowed(rule, day):
            midnight = datetime.combine(day, time())
            for minutes in _minutes_of_day(rule, (offset - (day.toordinal() - first) * unit) % step):
                wall = midnight + timedelta(minutes=minutes)
                if wall >= begin:
                    give_up = day.year + SEARCH_YEARS
                    yield wall
        day += _DAY


@lru_cache(maxsize=4_096)
def _minutes_of_day(rule: Rule, phase: int) -> tuple[int, ...]:
    """Minutes since midnight at which the rule is due, on a day whose first step is at `phase`."""
    found: list[int] = []
    if rule.freq is Freq.HOURLY:
        for hour in range(phase, 24, rule.interval):
            if rule.byhour and hour not in rule.byhour:
                continue
            minutes = list(rule.byminute)
            size = len(minutes)
            places = {p - 1 if p > 0 else size + p for p in rule.bysetpos} if rule.bysetpos else range(size)
            found += [hour * 60 + minutes[index] for index in sorted(places) if 0 <= index < size]
        return tuple(found)
    if rule.bysetpos and not {1, -1} & set(rule.bysetpos):
        return ()
    for minute in range(phase, 1_440, rule.interval):
        if (not rule.byhour or minute // 60 in rule.byhour) and (
            not rule.byminute or minute % 60 in rule.byminute
        ):
            found.append(minute)
    return tuple(found)

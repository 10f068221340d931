"""Cron patterns that match at least a spec's wall-clock times: the raw material of a covering cron."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import gcd

from scheduler_defs.timing.covering.clock_changes import clock_changes
from scheduler_defs.timing.cron.expression import ALIASES, plain_text
from scheduler_defs.timing.cron.table import CronTable
from scheduler_defs.timing.durations import Unit
from scheduler_defs.timing.instants import zone
from scheduler_defs.timing.rrule.recurrence import complete
from scheduler_defs.timing.rrule.rules import Freq, Rule
from scheduler_defs.timing.specs import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec

MOST_CRONS = 12
"""More crons than this are merged into one that fires more often: Dagster walks each of them every minute."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A cron in parts. `hours` None is `*`: fires in both copies of a repeated hour, in no skipped one."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...] | None
    days: str = "*"
    months: str = "*"
    weekdays: str = "*"
    every_hour: bool = False
    """The spec, too, runs in both copies of a repeated hour and leaves skipped times out."""
    written: str | None = None
    """The cron as the user wrote it."""

    @property
    def cron(self) -> str:
        """The cron expression."""
        if self.written is not None:
            # Dagster computes crons that end like this in a way that loses them; any other spelling is safe.
            head, special, _ = self.written.rpartition(" 29 2 *")
            return f"{head} 29 feb *" if special and self.written.endswith(special) else self.written
        hours = "*" if self.hours is None else listed(self.hours)
        months = "feb" if (self.days, self.months) == ("29", "2") else self.months
        return f"{listed(self.minutes, 60)} {hours} {self.days} {months} {self.weekdays}"


def listed(numbers: Iterable[int], whole: int = 0) -> str:
    """`1,2,5` for a cron field; `*/5` or `*` where the numbers divide the whole evenly from 0."""
    ordered = sorted(set(numbers))
    if whole and len(ordered) == whole:
        return "*"
    if whole and len(ordered) > 1 and ordered[0] == 0:
        step = ordered[1]
        if whole % step == 0 and ordered == list(range(0, whole, step)):
            return f"*/{step}"
    return ",".join(map(str, ordered))


def patterns(spec: Spec) -> list[Pattern]:
    """Patterns that together match every wall-clock time of the spec (clock changes aside)."""
    match spec:
        case CronSpec():
            return [_cron(table) for table in spec.tables]
        case EverySpec():
            return _every(spec)
        case RRuleSpec():
            rules = [_rule(complete(rule, spec.start_wall), spec.start_wall) for rule in spec.parsed]
            return merged([*rules, *_at(spec.rdates, spec.timezone)])
        case AtSpec():
            return merged(_at(spec.instants, spec.timezone))


def merged(found: list[Pattern]) -> list[Pattern]:
    """The patterns without repetitions; if there are too many, one that matches all of them."""
    distinct = list(dict.fromkeys(found))
    return distinct if len(distinct) <= MOST_CRONS else [union(distinct)]


def union(found: list[Pattern]) -> Pattern:
    """One pattern that matches whatever any of these does."""
    hours = {hour for each in found for hour in each.hours or ()}
    by_either = any("*" not in (each.days, each.weekdays) for each in found)
    same_days = len({(each.days, each.weekdays) for each in found}) == 1
    return Pattern(
        minutes=tuple(sorted({minute for each in found for minute in each.minutes})),
        hours=None if any(each.hours is None for each in found) else tuple(sorted(hours)),
        days="*" if by_either and not same_days else _joined([each.days for each in found]),
        months=_joined([each.months for each in found]),
        weekdays="*" if by_either and not same_days else _joined([each.weekdays for each in found]),
        every_hour=all(each.every_hour for each in found),
    )


def _joined(texts: list[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    if len(distinct) == 1:
        return distinct[0]
    # n-th weekdays cannot be mixed with plain ones
    return (
        "*"
        if any(text in "*?" or "#" in text or "l" in text.lower() for text in distinct)
        else ",".join(distinct)
    )


def _cron(table: CronTable) -> Pattern:
    written = plain_text(table)
    _, _, days, months, weekdays = ALIASES.get(written.lower(), written).split()
    return Pattern(
        minutes=table.minutes,
        hours=None if table.every_hour else table.hours,
        days=days,
        months=months,
        weekdays=weekdays,
        every_hour=table.every_hour,
        written=written,
    )


def _every(spec: EverySpec) -> list[Pattern]:
    anchor = spec.anchor_wall
    daily = Pattern(minutes=(anchor.minute,), hours=(anchor.hour,))
    weekday = str((anchor.weekday() + 1) % 7)
    match spec.unit:
        case Unit.MINUTE | Unit.HOUR:
            return _elapsed(spec, spec.count * (60 if spec.unit is Unit.HOUR else 1))
        case Unit.DAY:
            return [daily if spec.count % 7 else replace(daily, weekdays=weekday)]
        case Unit.WEEK:
            return [replace(daily, weekdays=weekday)]
        case Unit.MONTH:
            months = _every_so_many(anchor.month, spec.count, 1, 12)
            monthly = replace(daily, months="*" if len(months) == 12 else listed(months))
            if anchor.day == 31:
                return [replace(monthly, days="L")]
            found = [replace(monthly, days=str(anchor.day))]
            if anchor.day > 28 and 2 in months:
                found.append(replace(daily, days="L", months="2"))
            return found


def _elapsed(spec: EverySpec, step: int) -> list[Pattern]:
    """Where steps of `step` elapsed minutes can fall: minutes, and hours if the clock never changes."""
    changes = clock_changes(spec.timezone)
    offset = zone(spec.timezone).utcoffset(datetime(2000, 1, 1)) or timedelta()
    anchor = spec.anchor_instant + offset
    minutes = tuple(_every_so_many(anchor.minute, step, 0, 60))
    if changes or len(minutes) > MOST_CRONS:
        return [Pattern(minutes, None, every_hour=True)]
    times = _every_so_many(anchor.hour * 60 + anchor.minute, step, 0, 1_440)
    by_hours: dict[tuple[int, ...], list[int]] = {}
    for minute in minutes:
        by_hours.setdefault(tuple(time // 60 for time in times if time % 60 == minute), []).append(minute)
    return [
        Pattern(tuple(alike), None if len(hours) == 24 else hours, every_hour=True)
        for hours, alike in by_hours.items()
    ]


def _every_so_many(first: int, step: int, lowest: int, size: int) -> list[int]:
    """The values that first, first + step, ... take when counted round `size` values from `lowest`."""
    common = gcd(step, size)
    return [value for value in range(lowest, lowest + size) if (value - first) % common == 0]


def _rule(rule: Rule, start: datetime) -> Pattern:
    """A pattern of a completed rule."""
    minutes, hours = _clock(rule, start)
    days, weekdays = _days(rule)
    months = rule.bymonth or tuple(range(1, 13))
    if rule.freq is Freq.MONTHLY:
        months = tuple(sorted(set(months) & set(_every_so_many(start.month, rule.interval, 1, 12))))
    if rule.byyearday:
        dates = _year_dates(rule.byyearday)
        months = tuple(sorted(set(months) & {day.month for day in dates}))
        days, weekdays = listed(day.day for day in dates), "*"
    return Pattern(
        minutes=minutes,
        hours=hours if hours is not None and len(hours) < 24 else None,
        days=days,
        months="*" if len(months) == 12 else listed(months),
        weekdays=weekdays,
        every_hour=rule.every_hour,
    )


def _clock(rule: Rule, start: datetime) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    if rule.freq is Freq.MINUTELY:
        steps = _every_so_many(start.hour * 60 + start.minute, rule.interval, 0, 1_440)
        minutes = rule.byminute or tuple(sorted({step % 60 for step in steps}))
        return minutes, rule.byhour or tuple(sorted({step // 60 for step in steps}))
    if rule.freq is Freq.HOURLY:
        return rule.byminute, rule.byhour or tuple(_every_so_many(start.hour, rule.interval, 0, 24))
    return rule.byminute, rule.byhour


def _days(rule: Rule) -> tuple[str, str]:
    """Day of month and day of week fields. Cron joins them by OR, rules by AND: the rarer one is kept."""
    if rule.bymonthday:
        if rule.bymonthday == (-1,):
            return "L", "*"
        numbers = {number for number in rule.bymonthday if number > 0}
        for number in rule.bymonthday:
            if number < 0:
                # the n-th last day of months of 28 to 31 days
                numbers |= set(range(max(1, 29 + number), 33 + number))
        return listed(numbers), "*"
    if not rule.byday:
        return "*", "*"
    in_month = rule.freq is Freq.MONTHLY or bool(rule.bymonth)
    if in_month and all(n == -1 or 1 <= n <= 5 for n, _ in rule.byday):
        return "*", ",".join(
            f"L{(day + 1) % 7}" if n == -1 else f"{(day + 1) % 7}#{n}" for n, day in rule.byday
        )
    return "*", listed((day + 1) % 7 for _, day in rule.byday)


def _year_dates(numbers: tuple[int, ...]) -> set[date]:
    """The dates that days of the year are, in years of 365 and of 366 days."""
    dates: set[date] = set()
    for year, length in ((2001, 365), (2004, 366)):
        for number in numbers:
            position = number if number > 0 else length + 1 + number
            if 1 <= position <= length:
                dates.add(date(year, 1, 1) + timedelta(position - 1))
    return dates


def _at(instants: tuple[datetime, ...], timezone: str) -> list[Pattern]:
    """One pattern for each instant; the first copy of a repeated time needs `*` for its hour."""
    place = zone(timezone)
    found: list[Pattern] = []
    for instant in instants:
        local = instant.astimezone(place)
        first_copy = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset() and not local.fold
        found.append(
            Pattern(
                minutes=(local.minute,),
                hours=None if first_copy else (local.hour,),
                days=str(local.day),
                months=str(local.month),
                every_hour=True,
            )
        )
    return found

"""The occurrences of a spec: one definition for evaluation, previews, forecasts and documentation."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import takewhile
from zoneinfo import ZoneInfo

from scheduler_defs.timing.cron.table import CronTable
from scheduler_defs.timing.durations import Unit
from scheduler_defs.timing.instants import DAY, MINUTE, in_zone, instants_after, utc
from scheduler_defs.timing.policies import Policies
from scheduler_defs.timing.rrule.recurrence import rule_walls
from scheduler_defs.timing.rrule.rules import Rule
from scheduler_defs.timing.specs import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec

_GIVE_UP_AFTER = 12_000
"""Excluded stretches in a row after which a search ends: policies that leave nothing over must not hang."""
_SEARCHED_YEARS = 28
"""After so many years the calendar repeats itself: what was excluded all the time stays so."""
_WORTH_A_JUMP = timedelta(hours=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TODAY = datetime(2024, 1, 1, tzinfo=UTC)
ELAPSED = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}
"""Units of elapsed time; the others go by the calendar."""
_BACK_STEPS = tuple(timedelta(hours=1) * 4**power for power in range(12))


def occurrences(spec: Spec, after: datetime, policies: Policies | None = None) -> Iterator[datetime]:
    """The instants after `after` at which the spec is due, strictly increasing, with the zone's offset.

    Policies, when given, leave out what lies before `start`, after `end`, or is excluded. Ends when the
    spec is exhausted. `after` must be aware (ValueError).
    """
    place = spec.place
    for instant in policed_occurrences(spec, utc(after), policies):
        yield in_zone(instant, place)


def next_occurrence(spec: Spec, after: datetime, policies: Policies | None = None) -> datetime | None:
    """The first occurrence after the instant, or None when there is none."""
    return next(occurrences(spec, after, policies), None)


def previous_occurrence(
    spec: Spec, at_or_before: datetime, policies: Policies | None = None
) -> datetime | None:
    """The last occurrence at or before the instant, or None when there is none since 1970."""
    limit = utc(at_or_before)
    for step in _BACK_STEPS:
        begin = max(limit - step, _EPOCH) - MINUTE
        last = None
        for instant in takewhile(lambda each: each <= limit, policed_occurrences(spec, begin, policies)):
            last = instant
        if last is not None:
            return in_zone(last, spec.place)
        if begin < _EPOCH:
            return None
    return None


def is_due(spec: Spec, instant: datetime, policies: Policies | None = None) -> bool:
    """Whether the instant is exactly an occurrence."""
    moment = utc(instant)
    if moment.second or moment.microsecond:
        return False
    if isinstance(spec, CronSpec) and not any(_could_match(table, moment, spec) for table in spec.tables):
        return False
    if policies is not None and policies.refusal(moment, spec.place) is not None:
        return False
    return next(raw_occurrences(spec, moment - MINUTE), None) == moment


def is_exhausted(spec: Spec, policies: Policies | None, now: datetime) -> bool:
    """Whether nothing is due any more after `now`: instants passed, COUNT or UNTIL reached, `end` passed."""
    return next_occurrence(spec, now, policies) is None


def raw_occurrences(spec: Spec, begin: datetime) -> Iterator[datetime]:
    """The spec's occurrences after the instant, in UTC, without policies."""
    match spec:
        case CronSpec():
            streams = [_cron(table, spec.place, begin) for table in spec.tables]
        case EverySpec():
            streams = [_elapsed(spec, begin) if spec.unit in ELAPSED else _calendar(spec, begin)]
        case RRuleSpec():
            streams = [_rule(spec, rule, begin) for rule in spec.parsed]
            streams.append(_listed(spec.rdates, begin))
        case AtSpec():
            streams = [_listed(spec.instants, begin)]
    union = streams[0] if len(streams) == 1 else _distinct(merge(*streams))
    if isinstance(spec, RRuleSpec) and spec.exdates:
        return _without(spec, union)
    return union


def is_never_due(spec: Spec, policies: Policies) -> bool:
    """Whether the exclusions leave nothing over; False as well where that would take long to tell."""
    for begin in (_TODAY, _EPOCH):  # most have an occurrence in the years of today
        try:
            next(policed_occurrences(spec, begin, policies))
            return False
        except StopIteration as end:
            if end.value:
                return False
    return next_occurrence(spec, _EPOCH, replace(policies, exclude=())) is not None


def policed_occurrences(
    spec: Spec, begin: datetime, policies: Policies | None
) -> Generator[datetime, None, bool]:
    """The spec's occurrences after the instant that the policies allow, in UTC.

    Returns whether the search was given up: so many were excluded in a row.
    """
    if policies is None:
        yield from raw_occurrences(spec, begin)
        return False
    cursor: datetime | None = begin if policies.start is None else max(begin, utc(policies.start) - MINUTE)
    refused, give_up = 0, 0
    while cursor is not None:
        found, cursor = raw_occurrences(spec, cursor), None
        for instant in found:
            if policies.end is not None and instant > policies.end:
                return False
            excluded = policies.excluded(instant, spec.place)
            if excluded is None:
                refused = 0
                yield instant
                continue
            refused += 1
            if refused == 1:
                give_up = instant.year + _SEARCHED_YEARS
            if refused >= _GIVE_UP_AFTER or instant.year > give_up:
                return refused >= _GIVE_UP_AFTER
            if excluded.until - instant > _WORTH_A_JUMP:
                cursor = excluded.until - MINUTE
                break
    return False


def _cron(table: CronTable, place: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    return instants_after(table.walls, place, begin, every_hour=table.every_hour)


def _could_match(table: CronTable, moment: datetime, spec: CronSpec) -> bool:
    """Cheap: the clock shows a time of the table, or has just been changed (then anything may be due)."""
    local = moment.astimezone(spec.place)
    return (
        table.matches(local)
        or local.utcoffset() != (moment - DAY - MINUTE).astimezone(spec.place).utcoffset()
    )


def _elapsed(spec: EverySpec, begin: datetime) -> Iterator[datetime]:
    step = spec.count * ELAPSED[spec.unit]
    anchor = spec.anchor_instant
    instant = anchor if begin < anchor else anchor + ((begin - anchor) // step + 1) * step
    while instant.year < 9_000:
        yield instant
        instant += step


def _calendar(spec: EverySpec, begin: datetime) -> Iterator[datetime]:
    anchor = spec.anchor_wall

    def walls(start: datetime) -> Iterator[datetime]:
        if spec.unit is Unit.MONTH:
            months = anchor.year * 12 + anchor.month - 1
            passed = max(0, (start.year * 12 + start.month - 1 - months) // spec.count)
            while (index := months + passed * spec.count) < 9_000 * 12:
                yield clamped(anchor, index // 12, index % 12 + 1)
                passed += 1
            return
        step = spec.count * (DAY if spec.unit is Unit.DAY else 7 * DAY)
        wall = anchor + max(0, (start - anchor) // step) * step
        while wall.year < 9_000:
            yield wall
            wall += step

    return instants_after(walls, spec.place, begin)


def clamped(anchor: datetime, year: int, month: int) -> datetime:
    """The anchor's day and time in another month; the month's last day if it is shorter."""
    for day in range(anchor.day, 27, -1):
        try:
            return anchor.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    return anchor.replace(year=year, month=month)


def _rule(spec: RRuleSpec, rule: Rule, begin: datetime) -> Iterator[datetime]:
    found = instants_after(
        lambda start: rule_walls(rule, spec.start_wall, start), spec.place, begin, every_hour=rule.every_hour
    )
    if rule.until is not None and rule.until.tzinfo is not None:
        until = rule.until
        return takewhile(lambda instant: instant <= until, found)
    return found


def _listed(instants: tuple[datetime, ...], begin: datetime) -> Iterator[datetime]:
    return (moment for each in instants if (moment := each.astimezone(UTC)) > begin)


def _distinct(ordered: Iterator[datetime]) -> Iterator[datetime]:
    last: datetime | None = None
    for instant in ordered:
        if instant != last:
            yield instant
            last = instant


def _without(spec: RRuleSpec, found: Iterator[datetime]) -> Iterator[datetime]:
    instants = {each.astimezone(UTC) for each in spec.exdates if isinstance(each, datetime)}
    dates = {each for each in spec.exdates if not isinstance(each, datetime)}
    skipped = 0
    for instant in found:
        if instant in instants or (dates and instant.astimezone(spec.place).date() in dates):
            skipped += 1
            if skipped >= _GIVE_UP_AFTER:
                return
            continue
        skipped = 0
        yield instant

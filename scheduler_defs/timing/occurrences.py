"""The occurrences of a spec: one definition for evaluation, previews, forecasts and documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import takewhile
from zoneinfo import ZoneInfo

from scheduler_defs.timing.cron import CronTable
from scheduler_defs.timing.durations import Unit
from scheduler_defs.timing.instants import DAY, MINUTE, in_zone, localised, utc
from scheduler_defs.timing.policies import Policies
from scheduler_defs.timing.recurrence import rule_walls
from scheduler_defs.timing.rules import Rule
from scheduler_defs.timing.specs import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec

_LOOK_BACK = timedelta(hours=26)
"""A wall-clock time at most this much earlier can still happen after a given instant: clock changes are
shorter than three hours, except where the calendar skipped a day."""

_GIVE_UP_AFTER = 20_000
"""Occurrences excluded in a row after which a search ends: policies that leave nothing over must not hang."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ELAPSED = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}
_BACK_STEPS = tuple(timedelta(hours=1) * 4**power for power in range(12))


def occurrences(spec: Spec, after: datetime, policies: Policies | None = None) -> Iterator[datetime]:
    """The instants after `after` at which the spec is due, strictly increasing, with the zone's offset.

    Policies, when given, leave out what lies before `start`, after `end`, or is excluded. Ends when the
    spec is exhausted. `after` must be aware (ValueError).
    """
    place = spec.place
    for instant in _allowed(spec, utc(after), policies):
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
        for instant in takewhile(lambda each: each <= limit, _allowed(spec, begin, policies)):
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


def raw_occurrences(spec: Spec, after: datetime) -> Iterator[datetime]:
    """The spec's occurrences after the instant, in UTC, without policies."""
    match spec:
        case CronSpec():
            streams = [_cron(table, spec.place, after) for table in spec.tables]
        case EverySpec():
            streams = [_elapsed(spec, after) if spec.unit in _ELAPSED else _calendar(spec, after)]
        case RRuleSpec():
            streams = [_rule(spec, rule, after) for rule in spec.parsed]
            streams.append(_listed(spec.rdates, after))
        case AtSpec():
            streams = [_listed(spec.instants, after)]
    union = streams[0] if len(streams) == 1 else _distinct(merge(*streams))
    if isinstance(spec, RRuleSpec) and spec.exdates:
        return _without(spec, union)
    return union


def _allowed(spec: Spec, after: datetime, policies: Policies | None) -> Iterator[datetime]:
    if policies is None:
        yield from raw_occurrences(spec, after)
        return
    begin = after if policies.start is None else max(after, utc(policies.start) - MINUTE)
    end = None if policies.end is None else utc(policies.end)
    refused = 0
    for instant in raw_occurrences(spec, begin):
        if end is not None and instant > end:
            return
        if policies.refusal(instant, spec.place) is None:
            refused = 0
            yield instant
        else:
            refused += 1
            if refused >= _GIVE_UP_AFTER:
                return


def _from_walls(
    walls: Callable[[datetime], Iterator[datetime]],
    place: ZoneInfo,
    after: datetime,
    *,
    every_hour: bool = False,
) -> Iterator[datetime]:
    """Localised wall-clock times that come after the instant. `walls` starts at a wall-clock time."""
    begin = after.astimezone(place).replace(tzinfo=None, fold=0)
    look_back = _LOOK_BACK if _offset_changes(after, place) else timedelta(0)
    for instant in localised(walls(begin - look_back), place, every_hour=every_hour):
        if instant > after:
            yield instant


def _offset_changes(instant: datetime, place: ZoneInfo) -> bool:
    """Whether the zone's clock changes within a day and a bit of the instant."""
    before = (instant - _LOOK_BACK).astimezone(place).utcoffset()
    return before != (instant + _LOOK_BACK).astimezone(place).utcoffset()


def _cron(table: CronTable, place: ZoneInfo, after: datetime) -> Iterator[datetime]:
    return _from_walls(table.walls, place, after, every_hour=table.every_hour)


def _could_match(table: CronTable, moment: datetime, spec: CronSpec) -> bool:
    """Cheap: the clock shows a time of the table, or has just been changed (then anything may be due)."""
    local = moment.astimezone(spec.place)
    return (
        table.matches(local)
        or local.utcoffset() != (moment - DAY - MINUTE).astimezone(spec.place).utcoffset()
    )


def _elapsed(spec: EverySpec, after: datetime) -> Iterator[datetime]:
    step = spec.count * _ELAPSED[spec.unit]
    anchor = spec.anchor_instant
    instant = anchor if after < anchor else anchor + ((after - anchor) // step + 1) * step
    while instant.year < 9_000:
        yield instant
        instant += step


def _calendar(spec: EverySpec, after: datetime) -> Iterator[datetime]:
    anchor = spec.anchor_wall

    def walls(begin: datetime) -> Iterator[datetime]:
        if spec.unit is Unit.MONTH:
            months = anchor.year * 12 + anchor.month - 1
            passed = max(0, (begin.year * 12 + begin.month - 1 - months) // spec.count)
            while (index := months + passed * spec.count) < 9_000 * 12:
                yield clamped(anchor, index // 12, index % 12 + 1)
                passed += 1
            return
        step = spec.count * (DAY if spec.unit is Unit.DAY else 7 * DAY)
        wall = anchor + max(0, (begin - anchor) // step) * step
        while wall.year < 9_000:
            yield wall
            wall += step

    return _from_walls(walls, spec.place, after)


def clamped(anchor: datetime, year: int, month: int) -> datetime:
    """The anchor's day and time in another month; the month's last day if it is shorter."""
    for day in range(anchor.day, 27, -1):
        try:
            return anchor.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    return anchor.replace(year=year, month=month)


def _rule(spec: RRuleSpec, rule: Rule, after: datetime) -> Iterator[datetime]:
    start = spec.start_wall

    def walls(begin: datetime) -> Iterator[datetime]:
        return rule_walls(rule, start, begin)

    found = _from_walls(walls, spec.place, after, every_hour=rule.every_hour)
    if rule.until is not None and rule.until.tzinfo is not None:
        until = rule.until
        return takewhile(lambda instant: instant <= until, found)
    return found


def _listed(instants: tuple[datetime, ...], after: datetime) -> Iterator[datetime]:
    return (moment for each in instants if (moment := each.astimezone(UTC)) > after)


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

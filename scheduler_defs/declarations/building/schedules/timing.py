"""A schedule's rule and policies, as the timing package has them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, TypeVar

from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.reading.scalars import plain
from scheduler_defs.declarations.written.schedules import RULE_KEYS, ScheduleEntry
from scheduler_defs.timing import (
    AtSpec,
    CatchUp,
    CronSpec,
    EverySpec,
    Exclusion,
    Policies,
    RRuleSpec,
    Spec,
    is_never_due,
    next_occurrence,
    parse_cron,
    parse_date,
    parse_exclusion,
    parse_instant,
)

Kind = Literal["cron", "every", "rrule", "at", "conditional"]
_Read = TypeVar("_Read")
_NO_POLICIES = Policies()


def rule_given(entry: Entry, written: ScheduleEntry) -> str | None:
    """Which of the keys that make a rule is there; None, and a fault noted, unless it is exactly one."""
    if entry.dropped & {*RULE_KEYS, "when"}:
        return None
    rules = [key for key in RULE_KEYS if getattr(written, key) is not None]
    if written.when is not None and "check_every" not in rules:
        entry.fault("when needs check_every: how often to look, for example 5m", "when", on_key=True)
        return None
    if not rules:
        entry.fault("no rule; write one of cron, every, rrule, at, or check_every with when")
        return None
    if len(rules) > 1:
        entry.fault(f"{' and '.join(rules)} exclude each other; keep one", rules[1], on_key=True)
        return None
    rule = rules[0]
    if rule == "check_every" and written.when is None:
        entry.fault("check_every needs when: {subject, op, value}", rule, on_key=True)
        return None
    _belongs(entry, written, rule, "anchor", ("every", "check_every", "rrule"))
    _belongs(entry, written, rule, "exdate", ("rrule",))
    _belongs(entry, written, rule, "rdate", ("rrule",))
    for key in ("fire", "cooldown"):
        if key in entry.node.children:
            _belongs(entry, written, rule, key, ("check_every",))
    return rule


def _belongs(entry: Entry, written: ScheduleEntry, rule: str, key: str, rules: tuple[str, ...]) -> None:
    if getattr(written, key) is not None and rule not in rules:
        entry.fault(f"{key} belongs to {' or '.join(rules)}, not to {rule}", key, on_key=True)


def read_spec(entry: Entry, written: ScheduleEntry, rule: str) -> tuple[Kind, Spec] | None:
    """The rule. None, and a fault noted, when it makes no sense."""
    zone = written.timezone
    anchor = _instant(entry, written.anchor, zone, "anchor")
    if written.anchor is not None and anchor is None:
        return None
    match rule:
        case "cron":
            expressions = tuple(written.cron or ())
            for index, expression in enumerate(expressions):
                if _try(entry, lambda text=expression: parse_cron(text), "cron", index) is None:
                    return None
            spec = _try(entry, lambda: CronSpec(expressions, zone), "cron")
            return None if spec is None else ("cron", spec)
        case "every":
            spec = _try(entry, lambda: EverySpec.parse(written.every or "", zone, anchor), "every")
            return None if spec is None else ("every", spec)
        case "rrule":
            return _rrule(entry, written, anchor)
        case "at":
            spec = _at(entry, written)
            return None if spec is None else ("at", spec)
        case _:
            spec = _try(entry, lambda: EverySpec.parse(written.check_every or "", zone, anchor), rule)
            return None if spec is None else ("conditional", spec)


def read_policies(entry: Entry, written: ScheduleEntry) -> Policies | None:
    """Bounds, exclusions, lateness, jitter. None, and a fault noted, when they make no sense."""
    given = (
        written.start,
        written.end,
        written.exclude,
        written.catch_up,
        written.misfire_grace,
        written.jitter,
    )
    if not any(each is not None for each in given):
        return _NO_POLICIES
    before = entry.faulty
    entry.faulty = False
    zone = written.timezone
    start = _instant(entry, written.start, zone, "start")
    end = _instant(entry, written.end, zone, "end", end_of_day=True)
    if start is not None and end is not None and end < start:
        entry.fault(f"end {written.end} is before start {written.start}", "end")
    exclude = _exclusions(entry, written.exclude)
    policies: Policies | None = None
    if not entry.faulty:
        catch_up: dict[str, Any] = {}
        if written.catch_up is not None:
            catch_up = {
                "catch_up": CatchUp(written.catch_up.policy),
                "catch_up_window": written.catch_up.window,
            }
        policies = _try(
            entry,
            lambda: Policies(
                start=start,
                end=end,
                exclude=exclude,
                misfire_grace=written.misfire_grace,
                jitter=written.jitter or dt.timedelta(0),
                **catch_up,
            ),
            "jitter",
        )
    entry.faulty = entry.faulty or before
    return policies


def check_satisfiable(entry: Entry, spec: Spec, policies: Policies, now: dt.datetime | None) -> None:
    """Refuse a rule that its bounds or exclusions never let be due; note an `at` that has passed for good."""
    if policies.start is not None and policies.end is not None:
        just_before = policies.start - dt.timedelta(microseconds=1)
        if next_occurrence(spec, just_before, policies) is None:
            entry.fault("is never due between start and end", "end")
            return
    if policies.exclude and _nothing_left(spec, policies):
        entry.fault("is never due: everything is excluded", "exclude")
        return
    if now is None or not isinstance(spec, AtSpec):
        return
    last = spec.instants[-1]
    if last < now:
        shown = last.isoformat(timespec="minutes")
        entry.note(f"{shown} has passed: where this is not served yet, nothing will run", "at")


@lru_cache(maxsize=4_096)
def _nothing_left(spec: Spec, policies: Policies) -> bool:
    return is_never_due(spec, policies)


def _rrule(entry: Entry, written: ScheduleEntry, anchor: dt.datetime | None) -> tuple[Kind, Spec] | None:
    zone = written.timezone
    before = entry.faulty
    entry.faulty = False
    exdates: list[dt.datetime | dt.date] = []
    for index, text in enumerate(written.exdate or ()):
        found = _try(entry, lambda given=text: _instant_or_date(given, zone), "exdate", index)
        exdates += [] if found is None else [found]
    rdates: list[dt.datetime] = []
    for index, text in enumerate(written.rdate or ()):
        moment = _try(entry, lambda given=text: parse_instant(given, zone), "rdate", index)
        rdates += [] if moment is None else [moment]
    spec: RRuleSpec | None = None
    if not entry.faulty:
        rules = tuple(written.rrule or ())
        spec = _try(entry, lambda: RRuleSpec(rules, tuple(exdates), tuple(rdates), anchor, zone), "rrule")
    entry.faulty = entry.faulty or before
    return None if spec is None else ("rrule", spec)


def _at(entry: Entry, written: ScheduleEntry) -> AtSpec | None:
    instants: list[dt.datetime] = []
    for index, text in enumerate(written.at or ()):
        instant = _try(entry, lambda given=text: parse_instant(given, written.timezone), "at", index)
        if instant is None:
            return None
        instants.append(instant)
    return _try(entry, lambda: AtSpec(tuple(instants), written.timezone), "at")


def _exclusions(entry: Entry, given: list[Any] | None) -> tuple[Exclusion, ...]:
    found: list[Exclusion] = []
    for index, item in enumerate(given or ()):
        exclusion = _try(entry, lambda value=item: parse_exclusion(plain(value)), "exclude", index)
        found += [] if exclusion is None else [exclusion]
    return tuple(found)


def _instant_or_date(text: str, zone: str) -> dt.datetime | dt.date:
    return parse_date(text) if "T" not in text and " " not in text.strip() else parse_instant(text, zone)


def _instant(
    entry: Entry, text: str | None, zone: str, key: str, *, end_of_day: bool = False
) -> dt.datetime | None:
    if text is None:
        return None
    return _try(entry, lambda: parse_instant(text, zone, end_of_day=end_of_day), key)


def _try(entry: Entry, read: Callable[[], _Read], *where: str | int) -> _Read | None:
    try:
        return read()
    except ValueError as error:
        entry.fault(str(error).removeprefix("exclude: "), *where)
        return None

"""The four kinds of schedule: frozen, hashable, checked when made. A spec says when; it has no clock.

Every fault is a ValueError of one line: what was given, what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from scheduler_defs.timing.cron.expression import parse_cron
from scheduler_defs.timing.cron.table import CronTable
from scheduler_defs.timing.durations import Unit, parse_every
from scheduler_defs.timing.instants import in_zone, localise, parse_instant, utc, zone
from scheduler_defs.timing.rrule.recurrence import rule_walls
from scheduler_defs.timing.rrule.rules import Rule, parse_rule

DEFAULT_ANCHOR = datetime(2001, 1, 1)
"""Where `every` and `rrule` count from unless told: a Monday, a first of January, midnight. So `every: 10m`
is due at :00, :10, ..., `every: 1w` on Mondays, `every: 3 months` on the first of January, April, ..., and
nothing depends on when the declarations were loaded."""

MOST_INSTANTS = 1_000


@dataclass(frozen=True, slots=True)
class CronSpec:
    """Due when any of the cron expressions matches the wall clock of the zone."""

    expressions: tuple[str, ...]
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.timezone)
        given: str | Iterable[str] = self.expressions
        expressions = (given,) if isinstance(given, str) else tuple(given)
        if not expressions:
            raise ValueError("cron needs at least one expression")
        cleaned = (parse_cron(expression).expression for expression in expressions)
        object.__setattr__(self, "expressions", tuple(dict.fromkeys(cleaned)))

    @property
    def tables(self) -> tuple[CronTable, ...]:
        return tuple(parse_cron(expression) for expression in self.expressions)

    @property
    def place(self) -> ZoneInfo:
        return zone(self.timezone)


@dataclass(frozen=True, slots=True)
class EverySpec:
    """Due at the anchor and every `count` units after it, never computed from an earlier result.

    Minutes and hours are elapsed time: the spacing stays true when the clock changes. Days, weeks and
    months keep the anchor's wall-clock time; months clamp the anchor's day (31 January, 28 February,
    31 March). The anchor may be naive: a wall-clock time of the zone.
    """

    count: int
    unit: Unit
    anchor: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.timezone)
        if self.unit not in Unit.__members__.values():
            raise ValueError(f"every: unit {self.unit!r} is not one of {', '.join(Unit)}")
        object.__setattr__(self, "unit", Unit(self.unit))
        if isinstance(self.count, bool) or self.count < 1:
            raise ValueError(f"every: {self.count} {self.unit}s must be at least 1")
        if self.count > 1_000_000:
            raise ValueError(f"every: {self.count} {self.unit}s is more than 1000000")
        _check_anchor(self.anchor, "anchor")

    @classmethod
    def parse(cls, text: str, timezone: str = "UTC", anchor: datetime | None = None) -> EverySpec:
        """From the value of `every` in YAML: `10m`, `1d`, `3 months`."""
        count, unit = parse_every(text)
        return cls(count, unit, anchor, timezone)

    @property
    def place(self) -> ZoneInfo:
        return zone(self.timezone)

    @property
    def anchor_wall(self) -> datetime:
        """The anchor as a naive wall-clock time of the zone."""
        return _wall(self.anchor, self.place)

    @property
    def anchor_instant(self) -> datetime:
        """The anchor in UTC."""
        if self.anchor is not None and self.anchor.tzinfo is not None:
            return utc(self.anchor)
        return localise(self.anchor_wall, self.place)


@dataclass(frozen=True, slots=True)
class RRuleSpec:
    """Due when any of the RFC 5545 rules is, or at an `rdate`, unless excluded by an `exdate`.

    Rules are evaluated on the wall clock of the zone, counting from `start` (naive = wall clock). An exdate
    is an instant (naive: in the zone) or a whole date.
    """

    rules: tuple[str, ...]
    exdates: tuple[datetime | date, ...] = ()
    rdates: tuple[datetime, ...] = ()
    start: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.timezone)
        given: str | Iterable[str] = self.rules
        texts = (given,) if isinstance(given, str) else tuple(given)
        object.__setattr__(self, "rules", tuple(dict.fromkeys(text.strip() for text in texts)))
        if not self.rules:
            raise ValueError("rrule needs at least one rule")
        _check_anchor(self.start, "anchor")
        exdates = {
            parse_instant(each, self.timezone) if isinstance(each, datetime) else each
            for each in self.exdates
        }
        object.__setattr__(self, "exdates", tuple(sorted(exdates, key=lambda each: each.isoformat())))
        object.__setattr__(self, "rdates", _instants(self.rdates, self.timezone))
        for text, rule in zip(self.rules, self.parsed, strict=True):
            if rule.count is not None and self.start is None:
                raise ValueError(f"rrule {text!r}: COUNT needs an anchor to count from")
            _check_matches(text, self.start_wall)

    @property
    def place(self) -> ZoneInfo:
        return zone(self.timezone)

    @property
    def start_wall(self) -> datetime:
        return _wall(self.start, self.place)

    @property
    def parsed(self) -> tuple[Rule, ...]:
        return tuple(parse_rule(text) for text in self.rules)


@dataclass(frozen=True, slots=True)
class AtSpec:
    """Due once at each of the instants. Naive ones are wall-clock times of the zone."""

    instants: tuple[datetime, ...]
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.timezone)
        given: datetime | Iterable[datetime] = self.instants
        instants = _instants((given,) if isinstance(given, datetime) else given, self.timezone)
        if not instants:
            raise ValueError("at needs at least one instant")
        object.__setattr__(self, "instants", instants)

    @property
    def place(self) -> ZoneInfo:
        return zone(self.timezone)


Spec: TypeAlias = CronSpec | EverySpec | RRuleSpec | AtSpec


def kind(spec: Spec) -> str:
    """`cron`, `every`, `rrule` or `at`."""
    match spec:
        case CronSpec():
            return "cron"
        case EverySpec():
            return "every"
        case RRuleSpec():
            return "rrule"
        case AtSpec():
            return "at"


def _wall(moment: datetime | None, place: ZoneInfo) -> datetime:
    if moment is None:
        return DEFAULT_ANCHOR
    return moment if moment.tzinfo is None else moment.astimezone(place).replace(tzinfo=None, fold=0)


def _check_anchor(anchor: datetime | None, name: str) -> None:
    if anchor is not None and (anchor.second or anchor.microsecond):
        raise ValueError(f"{name} {anchor.isoformat()} is not a whole minute; schedules tick once a minute")


def _instants(given: Iterable[datetime], timezone: str) -> tuple[datetime, ...]:
    instants = sorted({utc(parse_instant(each, timezone)) for each in given})
    if len(instants) > MOST_INSTANTS:
        raise ValueError(f"{len(instants)} instants are more than {MOST_INSTANTS}; use cron, every or rrule")
    return tuple(in_zone(each, zone(timezone)) for each in instants)


@lru_cache(maxsize=8_192)
def _check_matches(text: str, start: datetime) -> None:
    rule = parse_rule(text)
    first = next(rule_walls(rule, start, start), None)
    if first is None and rule.until is not None and rule.until.replace(tzinfo=None) < start:
        raise ValueError(f"rrule {text!r} ends before its anchor {start.isoformat(timespec='minutes')}")
    if first is None:
        raise ValueError(f"rrule {text!r} never matches")

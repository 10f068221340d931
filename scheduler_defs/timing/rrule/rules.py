"""Recurrence rules (RFC 5545) as text: parsed into a `Rule`, every part checked, every fault named.

Narrower than the RFC where Dagster's minute ticks or common sense ask for it: no SECONDLY, BYSECOND only 0,
UNTIL without a time means the whole of that day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache


class Freq(StrEnum):
    """The unit a rule counts in."""

    MINUTELY = "MINUTELY"
    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_OCCURRENCES = 10_000
"""The largest COUNT: a counted rule is worked out once, from its start."""

_NUMBERS = {
    # part: (smallest, largest, negatives count from the end)
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYSECOND", "WKST", *_NUMBERS)
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?")


@dataclass(frozen=True, slots=True)
class Rule:
    """One parsed rule. Empty tuples stand for absent parts."""

    freq: Freq
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    """Last allowed moment, inclusive: naive (wall clock of the schedule's zone) or in UTC (`...Z`)."""
    bymonth: tuple[int, ...] = ()
    bymonthday: tuple[int, ...] = ()
    byyearday: tuple[int, ...] = ()
    byweekno: tuple[int, ...] = ()
    byday: tuple[tuple[int, int], ...] = ()
    """(n, weekday) with Monday = 0; n = 0 is every such weekday, -1 the last in the month or year."""
    byhour: tuple[int, ...] = ()
    byminute: tuple[int, ...] = ()
    bysetpos: tuple[int, ...] = ()
    wkst: int = 0

    @property
    def every_hour(self) -> bool:
        """Comes round in every hour: runs in both copies of a repeated hour, in no skipped one."""
        if self.byhour:
            return False
        return (self.freq is Freq.HOURLY and self.interval == 1) or (
            self.freq is Freq.MINUTELY and self.interval <= 60
        )


@lru_cache(maxsize=8_192)
def parse_rule(text: str) -> Rule:
    """Parse `FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9` (with or without a leading `RRULE:`).

    Raises ValueError with the part at fault and what it may hold. Whether the rule ever matches depends on
    its start and is checked by the spec.
    """
    body = text.strip()
    if "\n" in body or body.upper().startswith("DTSTART"):
        raise ValueError(f"rrule {text!r}: give the start as `anchor`, and one rule per list entry")
    if body.upper().startswith("RRULE:"):
        body = body[6:]
    parts: dict[str, str] = {}
    for item in filter(None, body.upper().split(";")):
        key, equals, value = (piece.strip() for piece in item.partition("="))
        if not equals or not value or key not in _PARTS:
            raise ValueError(f"rrule {text!r}: {item!r} is not understood; parts are {', '.join(_PARTS)}")
        if key in parts:
            raise ValueError(f"rrule {text!r}: {key} is given twice")
        parts[key] = value
    try:
        rule = _rule(parts)
        _check(rule, parts)
    except ValueError as error:
        raise ValueError(f"rrule {text!r}: {error}") from None
    return rule


def _rule(parts: dict[str, str]) -> Rule:
    if "FREQ" not in parts:
        raise ValueError("FREQ is missing")
    if parts["FREQ"] not in Freq.__members__:
        raise ValueError(f"FREQ={parts['FREQ']} is not one of {', '.join(Freq)}")
    if parts.get("BYSECOND", "0") != "0":
        raise ValueError("BYSECOND is not supported; schedules tick once a minute")
    numbers = {name.lower(): _numbers(name, parts[name]) for name in _NUMBERS if name in parts}
    byday: list[tuple[int, int]] = []
    for item in parts.get("BYDAY", "").split(",") if "BYDAY" in parts else ():
        match = _BYDAY.fullmatch(item.strip())
        if match is None or (match[1] and not 1 <= abs(int(match[1])) <= 53):
            raise ValueError(f"BYDAY={item} is not a weekday; write MO, TU, ... or 1MO, -1FR")
        byday.append((int(match[1] or 0), WEEKDAYS.index(match[2])))
    if parts.get("WKST", "MO") not in WEEKDAYS:
        raise ValueError(f"WKST={parts['WKST']} is not one of {', '.join(WEEKDAYS)}")
    return Rule(
        freq=Freq(parts["FREQ"]),
        interval=_whole("INTERVAL", parts.get("INTERVAL", "1"), 100_000),
        count=_whole("COUNT", parts["COUNT"], MOST_OCCURRENCES) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        byday=tuple(sorted(set(byday))),
        wkst=WEEKDAYS.index(parts.get("WKST", "MO")),
        **numbers,
    )


def _check(rule: Rule, parts: dict[str, str]) -> None:
    """The combinations that RFC 5545 (3.3.10) forbids, so that nothing is silently read in another way."""
    if rule.count is not None and rule.until is not None:
        raise ValueError("COUNT and UNTIL exclude each other")
    if any(n for n, _ in rule.byday):
        if rule.freq not in (Freq.MONTHLY, Freq.YEARLY) or rule.byweekno:
            raise ValueError(
                f"BYDAY={parts['BYDAY']} with a number needs FREQ=MONTHLY or YEARLY without BYWEEKNO"
            )
        if (rule.freq is Freq.MONTHLY or rule.bymonth) and any(abs(n) > 5 for n, _ in rule.byday):
            raise ValueError(f"BYDAY={parts['BYDAY']}: a month has at most 5 of a weekday")
    if rule.byweekno and rule.freq is not Freq.YEARLY:
        raise ValueError("BYWEEKNO needs FREQ=YEARLY")
    if rule.byyearday and rule.freq in (Freq.DAILY, Freq.WEEKLY, Freq.MONTHLY):
        raise ValueError(f"BYYEARDAY cannot be used with FREQ={rule.freq}")
    if rule.bymonthday and rule.freq is Freq.WEEKLY:
        raise ValueError("BYMONTHDAY cannot be used with FREQ=WEEKLY")
    if rule.bysetpos and not any(
        getattr(rule, field.name)
        for field in fields(rule)
        if field.name.startswith("by") and field.name != "bysetpos"
    ):
        raise ValueError("BYSETPOS needs another BY part to choose from")


def _numbers(name: str, text: str) -> tuple[int, ...]:
    smallest, largest, from_end = _NUMBERS[name]
    allowed = f"{smallest} to {largest}" + (f" or -{largest} to -{smallest}" if from_end else "")
    found: set[int] = set()
    for item in text.split(","):
        if not re.fullmatch(r"[+-]?\d{1,3}", item.strip()):
            raise ValueError(f"{name}={item} is not a number; allowed are {allowed}")
        value = int(item)
        if not smallest <= (abs(value) if from_end else value) <= largest:
            raise ValueError(f"{name}={item} is out of range; allowed are {allowed}")
        found.add(value)
    return tuple(sorted(found))


def _whole(name: str, text: str, largest: int) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or not 1 <= int(text) <= largest:
        raise ValueError(f"{name}={text} must be a whole number from 1 to {largest}")
    return int(text)


def _until(text: str) -> datetime:
    try:
        if not _UNTIL.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"UNTIL={text} is not a time; write 20261231T230000, 20261231T230000Z or 20261231"
        ) from None
    return moment if "T" in text else moment + timedelta(days=1, minutes=-1)

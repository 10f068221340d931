"""Cron expressions as Dagster 1.13 reads them.

Dagster's own code is not imported here (it takes a second to load and allows no fast matching); tests
compare this file with `dagster._utils.schedules` over generated expressions. Kept from there, because
Dagster is what runs the expression: a day of month and a day of week are joined by OR; `5-5` means every
value; `Fri-Mon` wraps; `1#2` is the second Monday, `L5` the last Friday, `L` the last day of the month;
with `#` the day of month is ignored. Refused beyond what Dagster refuses: days that never come
(`0 0 31 4 *`), on which Dagster fails at run time, and `R`, which Dagster draws anew in every process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from scheduler_defs.timing.cron_table import LAST, CronTable

ALIASES = {
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY = range(5)
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_ALLOWED = tuple(
    f"allowed are {span}" for span in ("0-59", "0-23", "1-31 and L", "1-12, jan-dec", "0-7, sun-sat, 1#2, L5")
)
_ALL = (60, 24, 31, 12, 7)
_MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {name: number for number, name in enumerate(_MONTH_NAMES, 1)},
    {name: number for number, name in enumerate(_WEEKDAY_NAMES)},
)
_STEP = re.compile(r"^([^-]+)-([^-/]+)(/(\d+))?$")
_NTH = re.compile(
    r"^((?P<day>(?:{w})(?:-(?:{w}))?|(?:{m})(?:-(?:{m}))?|\w+)#|l)(?P<last>\d+)$".format(
        w="|".join(_WEEKDAY_NAMES), m="|".join(_MONTH_NAMES)
    )
)


@lru_cache(maxsize=8_192)
def parse_cron(expression: str) -> CronTable:
    """Parse and check one expression. Raises ValueError naming the field at fault and what it may hold."""
    lowered = expression.strip().lower()
    fields = ALIASES.get(lowered, lowered).split()
    if lowered.startswith("@") and lowered not in ALIASES:
        raise ValueError(f"cron {expression!r} is not known; the short forms are {', '.join(ALIASES)}")
    if len(fields) != 5:
        raise ValueError(
            f"cron {expression!r} has {len(fields)} fields; write 5: minute hour day-of-month month"
            " day-of-week"
        )
    nth: set[tuple[int, int]] = set()
    try:
        read = [_field(position, fields, nth) for position in range(5)]
    except ValueError as error:
        raise ValueError(f"cron {expression!r}: {error}") from None
    weekdays = read[_WEEKDAY]
    if nth and weekdays.found - {day for day, _ in nth} and len(weekdays.found) + weekdays.star != 7:
        raise ValueError(
            f"cron {expression!r}: day of week {fields[_WEEKDAY]!r} mixes n-th and plain weekdays; use a"
            " list of two expressions"
        )
    minutes, hours, days, months, weekday_numbers = (field.values() for field in read)
    table = CronTable(
        expression=expression.strip(),
        minutes=minutes or tuple(range(60)),
        hours=hours or tuple(range(24)),
        days=days,
        months=months or tuple(range(1, 13)),
        weekdays=weekday_numbers,
        nth=tuple(sorted(nth)),
        every_hour=hours is None and not (read[_HOUR].star and read[_HOUR].found),
    )
    _check_matches(table)
    return table


def _check_matches(table: CronTable) -> None:
    """Refuse days that never come: Dagster's iterator fails on them, even when the weekday matches."""
    february_30 = table.months == (2,) and table.days in ((30,), (31,))
    by_day_of_month = replace(table, weekdays=None)
    if february_30 or next(by_day_of_month.walls(datetime(2001, 1, 1)), None) is None:
        raise ValueError(f"cron {table.expression!r} never matches: no such day of the month")


@dataclass(frozen=True, slots=True)
class _Field:
    """The numbers found in a field, and whether a `*` stands for all of them."""

    found: frozenset[int]
    star: bool

    def values(self) -> tuple[int, ...] | None:
        return None if self.star else tuple(sorted(self.found))


def _field(position: int, fields: list[str], nth: set[tuple[int, int]]) -> _Field:
    """Read one field. N-th weekdays are added to `nth`."""
    text, name = fields[position], _FIELDS[position]
    lowest, highest = _RANGES[position]
    allowed = _ALLOWED[position]
    if re.match(r"[hr](\(|/|$)", text):
        raise ValueError(f"{name} {text!r}: H and R (a value drawn by hash or chance) are not supported")
    if "?" in text:
        if text != "?" or position not in (_DAY, _WEEKDAY):
            raise ValueError(f"{name} {text!r}: ? stands alone, in day of month or day of week")
        text = "*"
    found: set[int] = set()
    star = False
    pending = [(item, 0) for item in text.split(",")]
    while pending:
        item, which = pending.pop()
        if position == _WEEKDAY and (special := _NTH.match(item)):
            which = int(special["last"]) if special["day"] else LAST
            if special["day"] and not 1 <= which <= 5:
                raise ValueError(f"{name} {item!r}: the number after # is 1 to 5")
            item = special["day"] or special["last"]
        if span := _span(item, position):
            pending += [(str(value), which) for value in _expand(span, position, f"{name} {item!r}", allowed)]
        elif item == "*":
            star = True
        else:
            value = _number(item, position, f"{name} {item!r}", allowed)
            if value != LAST and not lowest <= value <= highest:
                raise ValueError(f"{name} {item!r} is out of range; {allowed}")
            found.add(value)
            if which:
                nth.add((value, which))
    other = {_DAY: _WEEKDAY, _WEEKDAY: _DAY}.get(position)
    if len(found) + star == _ALL[position] and (other is None or "*" in fields[other]):
        return _Field(frozenset(), star=True)
    return _Field(frozenset(found), star)


def _span(item: str, position: int) -> re.Match[str] | None:
    """The item as low-high/step: `*/5` is `0-59/5` and `10/5` is `10-59/5`."""
    lowest, highest = _RANGES[position]
    if item.startswith("*/"):
        item = f"{lowest}-{highest}{item[1:]}"
    if (match := _STEP.match(item)) or "/" not in item:
        return match
    start, step = item.rsplit("/", 1)
    return _STEP.match(f"{start}-{highest}/{step}")


def _expand(span: re.Match[str], position: int, where: str, allowed: str) -> list[int]:
    """The values of low-high/step, wrapping around the end when high is below low."""
    lowest, highest = _RANGES[position]
    last = "31" if position == _DAY and span[2] == "l" else span[2]
    low, high = (_number(text, position, where, allowed) for text in (span[1], last))
    step = int(span[4] or 1)
    if LAST in (low, high) or max(low, high) > highest:
        raise ValueError(f"{where} is out of range; {allowed}")
    if step == 0:
        raise ValueError(f"{where}: a step is at least 1")
    if low == high:
        return list(range(lowest, highest + 1, step))
    if low < high:
        return list(range(low, high + 1, step))
    values = list(range(low, highest + 1, step))
    beyond = highest - values[-1]
    skip = step - beyond if values[-1] - lowest + step > highest - lowest + 1 and beyond < step else 0
    return values + list(range(lowest + skip, high + 1, step))


def _number(text: str, position: int, where: str, allowed: str) -> int:
    if text == "l" and position == _DAY:
        return LAST
    if not text.isdecimal():
        if text not in _NAMES[position]:
            raise ValueError(f"{where} is not understood; {allowed}")
        return _NAMES[position][text]
    value = int(text)
    return 0 if position == _WEEKDAY and value == 7 else value

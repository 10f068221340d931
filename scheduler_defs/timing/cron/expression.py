"""Cron expressions, parsed by croniter (https://github.com/pallets-eco/croniter), field by field.

What a field means is croniter's; a day of month and a day of week are joined by OR, and with `#` or `L5` the
day of month is ignored, as croniter and Dagster do. Matching and clock changes are our own (`table`,
`instants`), because croniter walks from one time to the next and cannot be asked about a minute. Where we
differ, on purpose:

- Six and seven fields are refused: Dagster looks once a minute.
- `R` is refused, which is drawn anew in every process, and `H`, which needs a seed.
- `5-5` is refused: croniter reads it as every value, crontab as 5.
- `*,sun#1` is refused, as `2,sun#1` is by croniter: n-th weekdays stand alone.
- Days that never come are refused (`0 0 31 4 *`); beside a weekday they are left out.

Each is compared in `tests/unit/timing/test_cron.py`. Dagster has an older croniter inside, which reads `59/5`
as every fifth minute: what Dagster is given is spelt out where the two could differ (`plain_text`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import cast

from scheduler_defs.timing.cron.table import LAST, CronTable

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
_ALLOWED = tuple(
    f"allowed are {span}" for span in ("0-59", "0-23", "1-31 and L", "1-12, jan-dec", "0-7, sun-sat, 1#2, L5")
)
_ALL = (60, 24, 31, 12, 7)
_DRAWN = re.compile(r"[hr](\(|/|$)")
_ITSELF = re.compile(r"(?:^|,)(\w+)-\1(?:[/,#]|$)")
_TOO_FAR = re.compile(r"#(\d+)")
_PLAIN = re.compile(r"(?:\*|\d+|\d+-\d+)(?:,(?:\*|\d+|\d+-\d+))*|\*/\d+")
"""Fields that every reader of crons reads alike, given that a range does not wrap around."""


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
    try:
        read = [_field(position, text) for position, text in enumerate(fields)]
    except ValueError as error:
        raise ValueError(f"cron {expression!r}: {error}") from None
    minutes, hours, months = (_values(read[at], at, alone=True) for at in (_MINUTE, _HOUR, _MONTH))
    days = _values(read[_DAY], _DAY, alone="*" in fields[_WEEKDAY])
    weekdays = _values(read[_WEEKDAY], _WEEKDAY, alone="*" in fields[_DAY])
    table = CronTable(
        expression=expression.strip(),
        minutes=minutes or tuple(range(60)),
        hours=hours or tuple(range(24)),
        days=days,
        months=months or tuple(range(1, 13)),
        weekdays=weekdays,
        nth=read[_WEEKDAY].nth,
        every_hour=hours is None and not (read[_HOUR].star and 0 < len(read[_HOUR].found) < _ALL[_HOUR]),
    )
    return _that_matches(table)


def plain_text(table: CronTable) -> str:
    """The expression for Dagster: as written, or spelt out where an older croniter may read it otherwise."""
    lowered = table.expression.lower()
    if lowered in ALIASES:
        return table.expression
    fields = table.expression.split()
    numbers = (table.minutes, table.hours, table.days, table.months, table.weekdays)
    for position, found in enumerate(numbers):
        text = fields[position].lower()
        if found is None:
            if position in (_DAY, _WEEKDAY) and text != "?":
                fields[position] = "*"
        elif _unclear(text) and not (position == _WEEKDAY and table.nth) and LAST not in found:
            fields[position] = ",".join(map(str, found))
    if table.days is None and not fields[_DAY].startswith(("*", "?")):
        fields[_DAY] = "*"
    return " ".join(fields)


def _unclear(text: str) -> bool:
    if "*" in text.split(","):  # all of them, whatever stands beside it
        return False
    if not _PLAIN.fullmatch(text):
        return not text.isalpha()
    spans = (item.split("-") for item in text.split(",") if "-" in item)
    return any(int(low) >= int(high) for low, high in spans)


def _that_matches(table: CronTable) -> CronTable:
    """The table, without days of the month that never come beside days of the week that do."""
    if next(table.walls(datetime(2001, 1, 1)), None) is None:
        raise ValueError(f"cron {table.expression!r} never matches: no such day of the month")
    if table.days is None or (table.weekdays is None and not table.nth):
        return table
    by_day_of_month = replace(table, weekdays=None, nth=())
    if table.nth or next(by_day_of_month.walls(datetime(2001, 1, 1)), None) is None:
        # Dagster's iterator fails on such days, even when the weekday matches.
        return replace(table, days=None)
    return table


@dataclass(frozen=True, slots=True)
class _Field:
    """The numbers found in a field, whether a `*` stands among them, and its n-th weekdays."""

    found: frozenset[int]
    star: bool
    nth: tuple[tuple[int, int], ...] = ()


def _values(field: _Field, position: int, *, alone: bool) -> tuple[int, ...] | None:
    """The numbers; None for all of them. `alone`: the other day field restricts nothing."""
    if field.star and not field.found:
        return None
    if len(field.found) + field.star >= _ALL[position] and alone:
        return None
    return None if field.star else tuple(sorted(field.found))


@lru_cache(maxsize=4_096)
def _field(position: int, text: str) -> _Field:
    """Read one field. Ten thousand schedules have few different ones."""
    # With it comes dateutil; loaded when the first cron is read.
    from croniter import CroniterError, croniter

    where = f"{_FIELDS[position]} {text!r}"
    allowed = _ALLOWED[position]
    if _DRAWN.match(text):
        raise ValueError(f"{where}: H and R (a value drawn by hash or chance) are not supported")
    if _ITSELF.search(text):
        raise ValueError(f"{where}: a range from a value to itself; write the value alone, or *")
    if any(not 1 <= int(nth) <= 5 for nth in _TOO_FAR.findall(text)):
        raise ValueError(f"{where}: the number after # is 1 to 5")
    # In these places the other day field is restricted, so that a whole range stays a range.
    others = {_DAY: "* * {} * 1", _WEEKDAY: "* * 1 * {}"}
    whole = others.get(position, " ".join(["*"] * position + ["{}"] + ["*"] * (4 - position)))
    try:
        read, nth = croniter.expand(whole.format(text))
    except CroniterError as error:
        raise ValueError(_fault(error, where, allowed)) from None
    except (ValueError, IndexError, KeyError, ZeroDivisionError):
        raise ValueError(f"{where} is not understood; {allowed}") from None
    if position == _WEEKDAY and nth and "*" in read[position]:
        raise ValueError(f"{where} mixes n-th and plain weekdays; use a list of two expressions")
    found = frozenset(LAST if value == "l" else int(value) for value in read[position] if value != "*")
    weekdays = cast("dict[int, set[int | str]]", nth if position == _WEEKDAY else {})
    pairs = {
        (weekday, which if isinstance(which, int) else LAST)
        for weekday, every in weekdays.items()
        for which in every
    }
    return _Field(found, "*" in read[position], tuple(sorted(pairs)))


def _fault(error: Exception, where: str, allowed: str) -> str:
    said = str(error)
    if "mixing" in said:
        return f"{where} mixes n-th and plain weekdays; use a list of two expressions"
    if "step" in said.lower() and "0" in said:
        return f"{where}: a step is at least 1"
    if "uestion mark" in said:
        return f"{where}: ? stands alone, in day of month or day of week"
    return f"{where} {'is out of range' if 'out of range' in said else 'is not understood'}; {allowed}"

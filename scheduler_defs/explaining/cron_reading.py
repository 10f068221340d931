"""A cron expression in words. Pure.

What has no plain words is left as it is: a rule that one has to look up is better than a wrong sentence. The
libraries that read cron say "on day 13 and on Friday", where cron means either, and do not know `L5`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from scheduler_defs.explaining.words import DAYS, MONTHS, ORDINALS, joined
from scheduler_defs.timing.cron.expression import ALIASES

_NUMBER = re.compile(r"\d+")
_STEP = re.compile(r"\*/(\d+)")
_RANGE = re.compile(r"(\w+)-(\w+)")
_NTH = re.compile(r"(\w+)#([1-5])")
_LAST = re.compile(r"L(\w+)")
_MOST_TIMES = 4
_WEEKDAYS = {**dict(enumerate((DAYS[-1], *DAYS))), **{day[:3].lower(): day for day in DAYS}}
_WEEKDAY: Mapping[str, str] = {str(key): day for key, day in _WEEKDAYS.items()}
_MONTH: Mapping[str, str] = {
    **{str(number): month for number, month in enumerate(MONTHS, 1)},
    **{month[:3].lower(): month for month in MONTHS},
}


class _Unsaid(Exception):
    """There are no plain words for it."""


def cron_words(expression: str) -> str:
    """`At 02:00, Monday through Friday`; the expression itself where it has no plain words."""
    fields = ALIASES.get(expression, expression).split()
    if len(fields) != 5:
        return expression
    minute, hour, day, month, weekday = fields
    try:
        # With `#` or `L5` the day of the month is ignored.
        alone = "#" in weekday or weekday.startswith("L")
        days = [said for said in ("" if alone else _days(day), _weekdays(weekday)) if said]
        parts = [_times(minute, hour), " or ".join(days), _months(month)]
    except _Unsaid:
        return expression
    return ", ".join(part for part in parts if part)


def _times(minute: str, hour: str) -> str:
    minutes, hours = minute.split(","), hour.split(",")
    if all(map(_NUMBER.fullmatch, (*minutes, *hours))) and len(minutes) * len(hours) <= _MOST_TIMES:
        return f"At {joined([f'{int(h):02}:{int(m):02}' for h in hours for m in minutes])}"
    between = ""
    if found := _RANGE.fullmatch(hour):
        between = f" from {int(found[1]):02}:00 to {int(found[2]):02}:59"
    elif hour != "*" and not _STEP.fullmatch(hour):
        raise _Unsaid
    step = _STEP.fullmatch(hour)
    if all(map(_NUMBER.fullmatch, minutes)):
        each = f"every {step[1]} hours" if step else "each hour"
        return f"At minute {joined(minutes)} of {each}{between}"
    if step:
        raise _Unsaid
    if minute == "*":
        return f"Every minute{between}"
    if found := _STEP.fullmatch(minute):
        return f"Every {found[1]} minutes{between}"
    raise _Unsaid


def _days(field: str) -> str:
    if field == "*":
        return ""
    if field == "L":
        return "on the last day of the month"
    return f"on day {_list(field, lambda text: text if _NUMBER.fullmatch(text) else _unsaid())} of the month"


def _weekdays(field: str) -> str:
    if field == "*":
        return ""
    if found := _RANGE.fullmatch(field):
        return f"{_name(_WEEKDAY, found[1])} through {_name(_WEEKDAY, found[2])}"
    if found := _NTH.fullmatch(field):
        return f"on the {ORDINALS[found[2]]} {_name(_WEEKDAY, found[1])} of the month"
    if found := _LAST.fullmatch(field):
        return f"on the last {_name(_WEEKDAY, found[1])} of the month"
    return f"on {_list(field, lambda text: _name(_WEEKDAY, text))}"


def _months(field: str) -> str:
    if field == "*":
        return ""
    if found := _STEP.fullmatch(field):
        return f"every {found[1]} months"
    if found := _RANGE.fullmatch(field):
        return f"{_name(_MONTH, found[1])} through {_name(_MONTH, found[2])}"
    return f"in {_list(field, lambda text: _name(_MONTH, text))}"


def _list(field: str, read: Callable[[str], str]) -> str:
    return joined([read(each) for each in field.split(",")])


def _name(names: Mapping[str, str], text: str) -> str:
    return names.get(text.lower()) or _unsaid()


def _unsaid() -> str:
    raise _Unsaid

"""What probes observe and conditions want: texts, numbers, booleans, durations, instants."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
import uuid
from typing import Any

from scheduler_defs.timing import format_duration, parse_duration, read_instant

Value = bool | int | float | str | dt.timedelta | dt.datetime | list[Any] | dict[str, Any] | None
"""An observation. None: there is nothing to observe (no such file, no row, an unset variable)."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?"
    r"(?P<offset>[Zz]|UTC|[+-]\d{2}(?::?\d{2})?)?)?"
)
_UTC = frozenset({"Z", "z", "UTC"})
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_SHOWN_LENGTH = 120


def normalised(value: object) -> Value:
    """A probe's answer as a Value: decimals become numbers, dates and ids texts, instants aware.

    Raises ValueError for what cannot be compared with anything, NaN included.
    """
    if value is None or isinstance(value, bool | int | str | dt.timedelta | list | dict):
        return value
    if isinstance(value, decimal.Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            raise ValueError("observed NaN, which is no number")
        return value
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise ValueError(f"observed a {type(value).__name__}, which cannot be compared")


def as_number(value: object) -> int | float | None:
    """The number that a number or a text of digits stands for; None for anything else, booleans included."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(text := value.strip()):
        try:
            return int(text)
        except ValueError:
            return float(text)
    return None


def as_boolean(value: object) -> bool | None:
    """True for true, 1, yes, on; False for false, 0, no, off, whatever the case; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        text = str(value).strip().lower()
        return True if text in _TRUE else False if text in _FALSE else None
    return None


def as_duration(value: object) -> dt.timedelta | None:
    """A duration, one written as `90s` or `1h30m`, or a number of seconds; None for anything else."""
    if isinstance(value, dt.timedelta):
        return value
    number = as_number(value)
    if number is not None:
        return dt.timedelta(seconds=number) if abs(number) < _LONGEST_SECONDS else None
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError:
            return None
    return None


def as_instant(value: object, timezone: str) -> dt.datetime | None:
    """An instant, or one in ISO 8601 (without an offset: in `timezone`); None for anything else."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and (match := _INSTANT.fullmatch(value.strip())):
        offset = match["offset"] or ""
        moment = match[0].removesuffix(offset).rstrip()
        try:
            return read_instant(moment + ("Z" if offset in _UTC else offset), timezone)
        except ValueError:
            return None
    return None


def as_text(value: Value) -> str:
    """A scalar as it is written in YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.timedelta):
        return format_duration(value)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value)


def shown(value: Value) -> str:
    """A value for the text of a tick: numbers to four digits, long texts cut."""
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    if isinstance(value, list | dict):
        return f"{'list' if isinstance(value, list) else 'object'} of {len(value)}"
    text = as_text(value)
    if isinstance(value, str):
        text = repr(text) if not text.strip() or text != text.strip() else " ".join(text.split())
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def kind(value: Value) -> str:
    """What kind of value it is, in the words of the documentation."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case dt.timedelta():
            return "duration"
        case dt.datetime():
            return "timestamp"
        case list():
            return "list"
        case dict():
            return "object"


_LONGEST_SECONDS = 100 * 366 * 86_400

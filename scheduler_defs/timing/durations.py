"""Durations as people write them: `90s`, `10m`, `36h`, `1d`, `2w`, `1h30m`; for `every` also `3 months`."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_WORDS = {
    "second": "s",
    "seconds": "s",
    "minute": "m",
    "minutes": "m",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "week": "w",
    "weeks": "w",
}
_PART = re.compile(r"(\d+)\s*([a-z]+)\s*")
_MONTHS = re.compile(r"(\d+)\s*(?:months?|mo)")
_ALLOWED = "write a number and a unit: s, m, h, d or w, for example 90s, 10m, 36h, 1d, 2w, 1h30m"
_LONGEST = timedelta(days=36_525)


class Unit(StrEnum):
    """What `every` counts in."""

    MINUTE = "minute"
    """Steps of elapsed minutes from the anchor."""
    HOUR = "hour"
    """Steps of elapsed hours from the anchor."""
    DAY = "day"
    """The anchor's time of day, every so many calendar days."""
    WEEK = "week"
    """The anchor's weekday and time of day, every so many weeks."""
    MONTH = "month"
    """The anchor's day of the month and time of day, clamped to the month's last day."""


def parse_duration(text: str | int | timedelta) -> timedelta:
    """Read a duration. Parts may be joined (`1h30m`) and units spelled out (`10 minutes`).

    The number `0` alone needs no unit. Raises ValueError with what was given and what is allowed.
    """
    if isinstance(text, timedelta):
        return text
    written = str(text).strip().lower()
    if written == "0":
        return timedelta(0)
    seconds = 0
    position = 0
    while position < len(written):
        part = _PART.match(written, position)
        letter = _WORDS.get(part[2], part[2]) if part else ""
        if part is None or letter not in _SECONDS:
            raise ValueError(f"{text!r} is not a duration: {_ALLOWED}")
        if len(part[1]) > 12:
            raise ValueError(f"{text!r} is longer than 100 years")
        seconds += int(part[1]) * _SECONDS[letter]
        position = part.end()
    if not written:
        raise ValueError(f"{text!r} is not a duration: {_ALLOWED}")
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than 100 years")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration the way `parse_duration` reads it, largest units first: `1h30m`, `2w`, `0s`.

    Fractions of a second are rounded away; a negative duration gets a leading minus sign.
    """
    rest = round(duration.total_seconds())
    sign = "-" if rest < 0 else ""
    rest = abs(rest)
    if rest and rest % _SECONDS["w"] == 0:
        return f"{sign}{rest // _SECONDS['w']}w"
    parts: list[str] = []
    for letter in ("d", "h", "m", "s"):
        amount, rest = divmod(rest, _SECONDS[letter])
        if amount:
            parts.append(f"{amount}{letter}")
    return sign + ("".join(parts) or "0s")


def parse_every(text: str | int | timedelta) -> tuple[int, Unit]:
    """Read the value of `every`: `10m` -> (10, minute), `36h` -> (36, hour), `3 months` -> (3, month).

    The unit is kept as written (`1d` is a calendar day, `24h` is 24 elapsed hours). Joined parts are
    counted in the smallest of them (`1h30m` is 90 minutes). Schedules have a resolution of one minute:
    seconds are refused unless they make whole minutes. Raises ValueError.
    """
    written = "" if isinstance(text, timedelta) else str(text).strip().lower()
    if months := _MONTHS.fullmatch(written):
        count, unit = int(months[1]), Unit.MONTH
    else:
        try:
            duration = parse_duration(text)
        except ValueError as error:
            raise ValueError(f"{error}; months are written '1 month', '3 months'") from None
        count, unit = _counted(duration, written)
        if duration % timedelta(minutes=1):
            raise ValueError(f"{text!r} is not a whole number of minutes; schedules tick once a minute")
    if count < 1:
        raise ValueError(f"{text!r} must be at least 1m")
    return count, unit


def _counted(duration: timedelta, written: str) -> tuple[int, Unit]:
    """The duration in the smallest unit it was written with (minutes when that was seconds)."""
    letters = {_WORDS.get(match[2], match[2]) for match in _PART.finditer(written)} or {"m"}
    for letter, unit in (("s", Unit.MINUTE), ("m", Unit.MINUTE), ("h", Unit.HOUR), ("d", Unit.DAY)):
        if letter in letters:
            step = {Unit.MINUTE: 60, Unit.HOUR: 3_600, Unit.DAY: 86_400}[unit]
            return int(duration.total_seconds()) // step, unit
    return int(duration.total_seconds()) // _SECONDS["w"], Unit.WEEK

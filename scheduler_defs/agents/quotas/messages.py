"""What providers and the known CLIs say when they refuse work: whether, and until when. Pure.

The shapes were recorded from Claude Code 2.1, Codex 0.171, OpenCode 1.18 and aider 0.86: `rate_limit_event`
with `resetsAt`, `...limit reached|EPOCH`, `resets 12:17am (UTC)`, `Try again at 12:17 AM`, `Try again at Nov
29th, 2026 12:00 AM`, `Try again in 2 hours 10 minutes`, `429`, `503`, `529`, `Retry-After: 120`. Others are
declared as patterns of a pool.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scheduler_defs.agents.deciding.quotas import Rejection
from scheduler_defs.patterns import groups_found

_LONGEST_REASON = 200

_REFUSED = re.compile(
    r"(?i)\b(?:usage|session|weekly|rate|5-hour|request|token|quota) limits?\b[^.\n]{0,40}?"
    r"(?:reached|exceeded|hit)"
    r"|(?:hit|reached|exceeded) your [\w -]{0,30}limit"
    r"|\b(?:limit reached\|\d{9,13})"
    r"|RateLimitError|rate_limit_error|rate.?limited|too many requests|insufficient_quota|quota exceeded"
    r"|overloaded_error|\bOverloaded\b"
    r"|(?:status|error|rejected|http)[^\n]{0,20}?\(?\b(?:429|503|529)\b"
    r"|\b(?:429|503|529)\b[^\n]{0,20}?(?:too many|overloaded|unavailable)|ServiceUnavailableError"
)
_EPOCH = re.compile(r"limit reached\|(\d{9,13})")
_AFTER = re.compile(r"(?i)retry[-_ ]after[\"\s:=]+(\d{1,7})(?:\s*(?:s|seconds)?)\b")
_IN = re.compile(
    r"(?i)(?:try|retry|resets?|available)(?: again)? in ((?:\d+\s*(?:d|h|m|s)\w*[,\s]*(?:and\s+)?)+)"
)
_PART = re.compile(r"(\d+)\s*([dhms])")
_TIME = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>[ap]m)?(?:\s*\((?P<zone>[\w/+-]+)\))?"
_DATE = re.compile(
    r"(?i)(?:again|resets?)(?: at)?:? (?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\.?"
    r" (?P<day>\d{1,2})(?:st|nd|rd|th)?,?(?: (?P<year>\d{4}))?,?(?: at)? " + _TIME
)
_CLOCK = re.compile(r"(?i)(?:again|resets?)(?: at)?:? " + _TIME)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

_DENIED = re.compile(
    r"(?i)\b401\b[^\n]{0,20}unauthori[sz]ed|invalid (?:x-)?api[- ]?key|incorrect api key|authentication_error"
    r"|invalid authentication|please run /login|not logged in|oauth token (?:has )?expired"
    r"|authentication_failed|AuthenticationError|error status 401\b"
)


def rejection(lines: Sequence[str], now: dt.datetime, patterns: Iterable[str] = ()) -> Rejection | None:
    """The newest refusal among the lines that a program has printed; None when there is none.

    `now` is aware; times of day without a zone are of its zone. `patterns` are those of the pool, in RE2's
    syntax: a group `epoch`, `seconds` or `until` (ISO 8601, or a time of day) says when it ends.
    """
    own = by_pattern(lines, now, patterns)
    if own is not None:
        return own
    for number in range(len(lines) - 1, -1, -1):
        if _REFUSED.search(lines[number]):
            around = " ".join(lines[number : number + 3])
            return Rejection(reset(around, now), short(lines[number]))
    return None


def denied(lines: Sequence[str]) -> str | None:
    """The line in which the provider refuses the agent's key or login, which no other attempt mends."""
    return next((short(line) for line in reversed(lines) if _DENIED.search(line)), None)


def reset(text: str, now: dt.datetime) -> dt.datetime | None:
    """The instant at which the text says that work is taken again; None when it does not say."""
    if match := _EPOCH.search(text):
        return of_epoch(int(match[1]))
    if match := _AFTER.search(text):
        return now + dt.timedelta(seconds=int(match[1]))
    if match := _IN.search(text):
        parts = {_UNITS[unit]: int(number) for number, unit in _PART.findall(match[1].lower())}
        return now + dt.timedelta(**parts) if parts else None
    if match := _DATE.search(text):
        return _date(match, now)
    if match := _CLOCK.search(text):
        return _clock(match, now)
    return None


def of_epoch(number: int) -> dt.datetime | None:
    """Seconds or milliseconds since 1970."""
    try:
        return dt.datetime.fromtimestamp(number / 1000 if number > 10**11 else number, tz=dt.UTC)
    except (OverflowError, OSError, ValueError):
        return None


def by_pattern(lines: Sequence[str], now: dt.datetime, patterns: Iterable[str]) -> Rejection | None:
    """The same by the pool's own patterns only."""
    for pattern in patterns:
        for line in reversed(lines):
            named = groups_found(pattern, line)
            if named is not None:
                return Rejection(_end(named, line, now), short(line))
    return None


def _end(named: Mapping[str, str], line: str, now: dt.datetime) -> dt.datetime | None:
    try:
        if "epoch" in named:
            return of_epoch(int(named["epoch"]))
        if "seconds" in named:
            return now + dt.timedelta(seconds=float(named["seconds"]))
    except (ValueError, OverflowError):
        return None
    return _told(named["until"], now) if "until" in named else reset(line, now)


def _told(text: str, now: dt.datetime) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return reset(f"resets at {text}", now)
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def _hour(match: re.Match[str]) -> tuple[int, int] | None:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half = (match["half"] or "").lower()
    if not half and match["minute"] is None:
        return None  # a bare number is no time of day
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return (hour, minute) if hour < 24 and minute < 60 else None


def _zone(match: re.Match[str], now: dt.datetime) -> dt.tzinfo | None:
    if not match["zone"]:
        return now.tzinfo
    try:
        return ZoneInfo(match["zone"])
    except (ZoneInfoNotFoundError, ValueError):
        return now.tzinfo


def _date(match: re.Match[str], now: dt.datetime) -> dt.datetime | None:
    time = _hour(match)
    if time is None:
        return None
    zone = _zone(match, now)
    month = _MONTHS.index(match["month"].lower()) + 1
    year = int(match["year"] or now.astimezone(zone).year)
    try:
        found = dt.datetime(year, month, int(match["day"]), *time, tzinfo=zone)
        return found if match["year"] or found > now else found.replace(year=year + 1)
    except ValueError:
        return None


def _clock(match: re.Match[str], now: dt.datetime) -> dt.datetime | None:
    """The next time of day of that name."""
    time = _hour(match)
    if time is None:
        return None
    local = now.astimezone(_zone(match, now))
    found = local.replace(hour=time[0], minute=time[1], second=0, microsecond=0)
    return found if found > now else found + dt.timedelta(days=1)


def short(line: str) -> str:
    """The line as a reason: in one line, of bearable length."""
    text = " ".join(line.split())
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"

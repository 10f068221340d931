"""When a line was written, in the forms in which common programs say so."""

from __future__ import annotations

import datetime as dt
import re
from re import Match

_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"),
        start=1,
    )
}
_TIME = rb"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?"
_ISO = re.compile(
    rb"(?<!\d)(?P<year>\d{4})[-/](?P<month>\d{2})[-/](?P<day>\d{2})[T ]"
    + _TIME
    + rb"\s?(?P<zone>Z\b|UTC\b|GMT\b|[+-]\d{2}:?(?:\d{2})?(?!\d))?"
)
_NGINX = re.compile(
    rb"\[(?P<day>\d{2})/(?P<name>[A-Z][a-z]{2})/(?P<year>\d{4}):" + _TIME + rb" (?P<zone>[+-]\d{4})\]"
)
_SYSLOG = re.compile(
    rb"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}(?P<day>\d{1,2}) " + _TIME
)
_DAY_FIRST = re.compile(
    rb"(?<!\d)(?P<day>\d{2})[ -](?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ -](?P<year>\d{4}) "
    + _TIME
    + rb"(?: (?P<zone>UTC|GMT))?"
)
_GLOG = re.compile(rb"^[IWEF](?P<month>\d{2})(?P<day>\d{2}) " + _TIME)
_JSON_FIELD = re.compile(
    rb'"(?:time|timestamp|@timestamp|ts|asctime|datetime|date|eventTime|t|__REALTIME_TIMESTAMP)"\s{0,4}:\s{0,4}'
    rb'(?:"(?P<text>[^"]{1,64})"|(?P<number>\d{9,19}(?:\.\d{1,9})?))'
)
_EPOCH = re.compile(rb"^\[?(?P<number>1\d{9}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?)\]?\s")
_SEARCHED_BYTES = 160
"""Formats put the time at the start of the line."""


def timestamp(line: bytes, *, written: dt.datetime) -> dt.datetime | None:
    """The instant at which `line` says that it was written, aware, or None.

    Times without a zone are read in the zone of `written` (the file's modification time, aware); dates
    without a year get the year that puts them at most a day after it.
    """
    if line.startswith(b"{"):
        return _of_json(line, written)
    head = line[:_SEARCHED_BYTES]
    for pattern in (_ISO, _NGINX, _DAY_FIRST, _SYSLOG, _GLOG):
        if match := pattern.search(head):
            return _instant(match, written)
    if match := _EPOCH.match(head):
        return _of_number(match["number"].decode())
    return None


def _of_json(line: bytes, written: dt.datetime) -> dt.datetime | None:
    for match in _JSON_FIELD.finditer(line[:8192]):
        if match["text"] is None:
            instant = _of_number(match["number"].decode())
        elif match["text"].isdigit():
            instant = _of_number(match["text"].decode())
        else:
            instant = timestamp(match["text"], written=written)
        if instant is not None:
            return instant
    return None


def _of_number(digits: str) -> dt.datetime | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size."""
    number = float(digits)
    while number > 1e11:
        number /= 1000
    try:
        return dt.datetime.fromtimestamp(number, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _instant(match: Match[bytes], written: dt.datetime) -> dt.datetime | None:
    part = match.groupdict()
    try:
        month = int(part["month"]) if part.get("month") else _MONTHS[part["name"]]
        found = dt.datetime(  # noqa: DTZ001 - the zone is added below
            int(part["year"]) if part.get("year") else written.year,
            month,
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            min(int(part["second"]), 59),
            int((part.get("fraction") or b"0")[:6].ljust(6, b"0")),
        )
        found = _with_zone(found, part.get("zone"), written)
        if not part.get("year") and found > written + dt.timedelta(days=1):
            found = found.replace(year=found.year - 1)
    except (ValueError, KeyError, OverflowError):
        return None
    return found


def _with_zone(found: dt.datetime, zone: bytes | None, written: dt.datetime) -> dt.datetime:
    if not zone:
        return found.replace(tzinfo=written.tzinfo)
    if zone in (b"Z", b"UTC", b"GMT"):
        return found.replace(tzinfo=dt.UTC)
    digits = zone[1:].replace(b":", b"").ljust(4, b"0")
    offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return found.replace(tzinfo=dt.timezone(-offset if zone[:1] == b"-" else offset))

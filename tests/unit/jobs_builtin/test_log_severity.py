"""Severities of the formats that common programs write, and the times in them."""

import datetime as dt

import pytest

from scheduler_defs.jobs.log_triage.lines.severity import (
    Severity,
    guessed_severity,
    named_severity,
    stated_severity,
)
from scheduler_defs.jobs.log_triage.lines.timestamps import timestamp

WRITTEN = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=-6)))


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("2026-01-02 03:04:05,678 - app.db - ERROR - it broke", Severity.ERROR),
        ("2026-01-02 03:04:05,678 WARNING app: slow", Severity.WARNING),
        ("ERROR:root:it broke", Severity.ERROR),
        ("2026-01-02 03:04:05,678:CRITICAL:app:gone", Severity.CRITICAL),
        ("2026-01-02 03:04:05 +0000 - dagster.daemon - INFO - started", Severity.INFO),
        ("[2026-01-02 03:04:05,678: ERROR/ForkPoolWorker-1] Task failed", Severity.ERROR),
        ("[2026-01-02 03:04:05,678: INFO/MainProcess] ready. no ERROR here", Severity.INFO),
        ("2026-01-02 03:04:05.678 UTC [123] FATAL:  role does not exist", Severity.CRITICAL),
        ("2026-01-02 03:04:05.678 UTC [123] LOG:  checkpoint starting", Severity.INFO),
        ("2026-01-02 03:04:05.678 UTC [123] STATEMENT:  SELECT error FROM x", Severity.INFO),
        ("2026-01-02 03:04:05.678 UTC [123] DEBUG1:  x", Severity.DEBUG),
        ("2026-01-02 03:04:05.678 UTC [123] PANIC:  x", Severity.CRITICAL),
        ("2026/01/02 03:04:05 [error] 12#0: *1 open() failed", Severity.ERROR),
        ("2026/01/02 03:04:05 [crit] 12#0: *1 SSL", Severity.CRITICAL),
        ("2026/01/02 03:04:05 [warn] 12#0: x", Severity.WARNING),
        ("2026/01/02 03:04:05 [notice] 12#0: x", Severity.INFO),
        ("INFO:     Uvicorn running", Severity.INFO),
        ("2026-01-02T03:04:05Z  WARN tower: slow", Severity.WARNING),
        ('time="2026-01-02T03:04:05Z" level=error msg="x"', Severity.ERROR),
        ("ts=1 lvl=warn msg=x", Severity.WARNING),
        ("E0102 03:04:05.678901 123 file.go:12] it broke", Severity.ERROR),
        ("W<*> <*> <*> file.go:<*>] careful", Severity.WARNING),
        ("12:M 02 Jan 2026 03:04:05.678 # WARNING overcommit", Severity.WARNING),
        ("12:M 02 Jan 2026 03:04:05.678 * Ready", Severity.INFO),
        ("Traceback (most recent call last):", Severity.ERROR),
        ("sqlalchemy.exc.OperationalError: (psycopg2) gone", Severity.ERROR),
        ("main.c:12:3: error: expected ';'", Severity.ERROR),
        ("npm ERR! code 1", Severity.ERROR),
        ("just a line", None),
        ("my_ERROR_code=5 handled", None),
    ],
)
def test_stated_severity_of_line(line: str, severity: Severity | None) -> None:
    assert stated_severity(line) is severity


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("Jan  2 03:04:05 web sshd[1]: Failed password for root", Severity.ERROR),
        ("Jan  2 03:04:05 web kernel: Out of memory: Killed process 12", Severity.ERROR),
        ("connection timed out", Severity.WARNING),
        ("done, 0 errors", Severity.UNKNOWN),
        ("finished with no errors", Severity.UNKNOWN),
        ("errors=0 rows=5", Severity.UNKNOWN),
        ("started fail2ban", Severity.UNKNOWN),
        ("installed package", Severity.UNKNOWN),
    ],
)
def test_guessed_severity_of_line_without_level(line: str, severity: Severity) -> None:
    assert guessed_severity(line) is severity


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("warn", Severity.WARNING),
        ("ERR", Severity.ERROR),
        ("30", Severity.INFO),
        ("50", Severity.ERROR),
        ("60", Severity.CRITICAL),
        ("3", Severity.ERROR),
        ("6", Severity.INFO),
        ("informational", Severity.INFO),
        ("DEBUG5", Severity.DEBUG),
        ("banana", None),
    ],
)
def test_severity_of_level_name_or_number(name: str, severity: Severity | None) -> None:
    assert named_severity(name) is severity


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"2026-01-02 03:04:05,678 x", "2026-01-02T03:04:05.678000-06:00"),
        (b"[2026-01-02 03:04:05,678: INFO/Main] x", "2026-01-02T03:04:05.678000-06:00"),
        (b"2026-01-02T03:04:05Z x", "2026-01-02T03:04:05+00:00"),
        (b"2026-01-02T03:04:05.123456+02:00 x", "2026-01-02T03:04:05.123456+02:00"),
        (b"2026-01-02 03:04:05 +0000 - dagster", "2026-01-02T03:04:05+00:00"),
        (b"2026-01-02 03:04:05.678 UTC [12] LOG:", "2026-01-02T03:04:05.678000+00:00"),
        (b"2026/01/02 03:04:05 [error]", "2026-01-02T03:04:05-06:00"),
        (b'1.2.3.4 - - [02/Jan/2026:03:04:05 +0100] "GET', "2026-01-02T03:04:05+01:00"),
        (b"Jan  2 03:04:05 web x", "2026-01-02T03:04:05-06:00"),
        (b"Dec 31 23:59:59 web x", "2025-12-31T23:59:59-06:00"),
        (b"<34>Oct 11 22:14:15 mymachine su:", "2025-10-11T22:14:15-06:00"),
        (b"12:M 02 Jan 2026 03:04:05.678 * Ready", "2026-01-02T03:04:05.678000-06:00"),
        (b"E0102 03:04:05.678901 1 f.go:1] x", "2026-01-02T03:04:05.678901-06:00"),
        (b'{"level":"info","ts":1767323045.5,"msg":"x"}', "2026-01-02T03:04:05.500000+00:00"),
        (b'{"level":30,"time":1767323045500,"msg":"x"}', "2026-01-02T03:04:05.500000+00:00"),
        (b'{"time": "2026-01-02T03:04:05Z"}', "2026-01-02T03:04:05+00:00"),
        (b"1767323045.500 squid", "2026-01-02T03:04:05.500000+00:00"),
    ],
)
def test_timestamp_of_line(line: bytes, expected: str) -> None:
    found = timestamp(line, written=WRITTEN)
    assert found is not None
    assert found.isoformat() == expected


@pytest.mark.parametrize("line", [b"no time", b"2026-13-45 99:99:99", b"", b'{"msg":"x"}', b"\xff\xfe 12"])
def test_line_without_time_has_none(line: bytes) -> None:
    assert timestamp(line, written=WRITTEN) is None

"""Durations are read as people write them, and written so that they can be read again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.timing import Unit, format_duration, parse_duration, parse_every


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("36h", timedelta(hours=36)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1 hour 30 minutes", timedelta(minutes=90)),
        (" 5 M ", timedelta(minutes=5)),
        ("0", timedelta(0)),
        (0, timedelta(0)),
        (timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_given_a_duration_then_it_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@given(st.integers(0, 10**9))
def test_given_whole_seconds_then_writing_and_reading_keeps_them(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=14), "2w"),
        (timedelta(days=8), "8d"),
        (timedelta(seconds=-90), "-1m30s"),
        (timedelta(milliseconds=1_600), "2s"),
    ],
)
def test_given_a_duration_then_it_is_written_largest_unit_first(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    "text", ["", "10", "ten minutes", "10 lightyears", "-5m", "1.5h", "5m-", "1 month", "m"]
)
def test_given_anything_else_then_the_error_shows_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write a number and a unit: s, m, h, d or w"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["200000d", "9999999999999s"])
def test_given_more_than_a_century_then_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 100 years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "count", "unit"),
    [
        ("10m", 10, Unit.MINUTE),
        ("120s", 2, Unit.MINUTE),
        ("24h", 24, Unit.HOUR),
        ("1d", 1, Unit.DAY),
        ("1d12h", 36, Unit.HOUR),
        ("2w", 2, Unit.WEEK),
        ("1w1d", 8, Unit.DAY),
        ("1 month", 1, Unit.MONTH),
        ("3 months", 3, Unit.MONTH),
        ("6mo", 6, Unit.MONTH),
    ],
)
def test_given_every_then_the_unit_is_kept_as_written(text: str, count: int, unit: Unit) -> None:
    assert parse_every(text) == (count, unit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("90s", "is not a whole number of minutes"),
        ("0m", "must be at least 1m"),
        ("0 months", "must be at least 1m"),
        ("monthly", "months are written '1 month', '3 months'"),
    ],
)
def test_given_a_step_that_cannot_be_then_the_error_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_every(text)

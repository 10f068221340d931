"""Recurrence rules: the same times as python-dateutil, found from any moment on, faults named at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from types import FrameType

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from scheduler_defs.timing import RRuleSpec, occurrences
from scheduler_defs.timing.rrule.recurrence import rule_walls
from scheduler_defs.timing.rrule.rules import parse_rule
from tests.unit.timing.strategies import rule_texts, walls


class TookTooLong(Exception):
    """dateutil walks every period up to the year 9999 when a rule seldom matches."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def dateutil_walls(text: str, start: datetime, count: int) -> list[datetime]:
    try:
        with at_most(0.05):
            return list(islice(rrulestr(f"RRULE:{text};BYSECOND=0", dtstart=start), count))
    except TookTooLong:
        reject()
    except ValueError:
        return []  # "generates an empty set"


@settings(max_examples=80, deadline=None)
@given(rule_texts(), walls())
def test_given_a_rule_then_its_times_are_dateutils(text: str, start: datetime) -> None:
    if "WEEKLY" in text and "BYSETPOS" in text:
        start -= timedelta(days=(start.weekday() - parse_rule(text).wkst) % 7)
    ours = list(islice(rule_walls(parse_rule(text), start, start), 15))
    theirs = dateutil_walls(text, start, 15)
    if ours != theirs:
        # we stop looking after a hundred years without a match
        assert ours == theirs[: len(ours)]
        assert theirs[len(ours)].year - (ours or [start])[-1].year > 99


@settings(max_examples=80, deadline=None)
@given(rule_texts(), walls(), st.integers(0, 12))
def test_given_a_rule_when_asked_from_a_later_moment_then_its_times_are_the_same(
    text: str, start: datetime, skipped: int
) -> None:
    rule = parse_rule(text)
    from_start = list(islice(rule_walls(rule, start, start), 20))
    if len(from_start) <= skipped:
        return
    assert list(islice(rule_walls(rule, start, from_start[skipped]), 20 - skipped)) == from_start[skipped:]


def test_given_a_choice_in_the_week_of_the_start_then_it_is_made_among_the_whole_week() -> None:
    # RFC 5545, 3.3.10: the set "starts at the beginning of the interval"; dateutil's first week starts at DTSTART
    rule, start = parse_rule("FREQ=WEEKLY;BYDAY=MO,WE;BYSETPOS=1"), datetime(2019, 1, 1)
    assert next(rule_walls(rule, start, start)) == datetime(2019, 1, 7)


def first(text: str, count: int = 3, start: datetime | None = None) -> list[str]:
    spec = RRuleSpec((text,), start=start)
    after = datetime.fromisoformat("2026-01-01T00:00+00:00")
    return [each.strftime("%Y-%m-%d %H:%M") for each in islice(occurrences(spec, after), count)]


def test_given_the_first_monday_then_it_is_not_monday_and_the_first() -> None:
    assert first("FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0") == [
        "2026-01-05 09:00",
        "2026-02-02 09:00",
        "2026-03-02 09:00",
    ]


@pytest.mark.parametrize(
    ("wkst", "days"),
    [("MO", ["08-05", "08-10", "08-19", "08-24"]), ("SU", ["08-05", "08-17", "08-19", "08-31"])],
)
def test_given_the_start_of_the_week_then_every_second_week_begins_there(wkst: str, days: list[str]) -> None:
    # the example of RFC 5545, 3.8.5.3
    spec = RRuleSpec(
        (f"FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST={wkst}",), start=datetime(1997, 8, 5, 9)
    )
    after = datetime.fromisoformat("1997-01-01T00:00+00:00")
    assert [each.strftime("%m-%d") for each in occurrences(spec, after)] == days


def test_given_numbered_and_plain_weekdays_then_either_matches() -> None:
    # RFC 5545; dateutil asks for both
    assert first("FREQ=MONTHLY;BYDAY=1MO,FR;BYHOUR=9", 4) == [
        "2026-01-02 09:00",
        "2026-01-05 09:00",
        "2026-01-09 09:00",
        "2026-01-16 09:00",
    ]


def test_given_week_53_then_only_years_that_have_one_match() -> None:
    # ISO 8601; dateutil also takes the first days of 2022, which are in week 52 of 2021
    spec = RRuleSpec(("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SA",))
    after = datetime.fromisoformat("2020-01-01T00:00+00:00")
    days = [each.date() for each in islice(occurrences(spec, after), 3)]
    assert [day.isoformat() for day in days] == ["2021-01-02", "2027-01-02", "2033-01-01"]
    assert {day.isocalendar().week for day in days} == {53}


def test_given_no_anchor_then_the_time_of_day_is_midnight_and_nothing_depends_on_today() -> None:
    assert first("FREQ=WEEKLY", 2) == ["2026-01-05 00:00", "2026-01-12 00:00"]
    assert first("FREQ=HOURLY;INTERVAL=12", 2) == ["2026-01-01 12:00", "2026-01-02 00:00"]


def test_given_a_day_that_a_month_lacks_then_the_month_is_left_out() -> None:
    start = datetime(2026, 1, 31, 8)
    assert first("FREQ=MONTHLY", 3, start) == ["2026-01-31 08:00", "2026-03-31 08:00", "2026-05-31 08:00"]


def test_given_a_count_then_it_ends_after_that_many() -> None:
    start = datetime(2026, 1, 30, 8)
    assert first("FREQ=DAILY;COUNT=3", 9, start) == [
        "2026-01-30 08:00",
        "2026-01-31 08:00",
        "2026-02-01 08:00",
    ]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260103", "2026-01-03 09:00"),
        ("20260103T085900", "2026-01-02 09:00"),
        ("20260103T090000Z", "2026-01-03 09:00"),
    ],
)
def test_given_until_then_it_is_the_last_moment_included(until: str, last: str) -> None:
    assert first(f"FREQ=DAILY;BYHOUR=9;UNTIL={until}", 9)[-1] == last


def test_given_until_in_utc_then_it_is_compared_as_an_instant() -> None:
    spec = RRuleSpec(("FREQ=DAILY;BYHOUR=20;UNTIL=20260103T000000Z",), timezone="America/Chicago")
    after = datetime.fromisoformat("2026-01-01T12:00+00:00")
    assert [each.isoformat() for each in occurrences(spec, after)] == ["2026-01-01T20:00:00-06:00"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FREQ=SECONDLY", "FREQ=SECONDLY is not one of MINUTELY, HOURLY"),
        ("INTERVAL=2", "FREQ is missing"),
        ("FREQ=DAILY;BYHOUR=99", "BYHOUR=99 is out of range; allowed are 0 to 23"),
        ("FREQ=DAILY;BYHOUR=nine", "BYHOUR=NINE is not a number"),
        ("FREQ=DAILY;BYSECOND=30", "schedules tick once a minute"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 must be a whole number from 1"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "COUNT and UNTIL exclude each other"),
        ("FREQ=DAILY;COUNT=3", "COUNT needs an anchor"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW is not a time"),
        ("FREQ=DAILY;UNTIL=20261340", "UNTIL=20261340 is not a time"),
        ("FREQ=DAILY;UNTIL=19990101", "ends before its anchor"),
        ("FREQ=WEEKLY;BYDAY=1MO", "with a number needs FREQ=MONTHLY or YEARLY"),
        ("FREQ=MONTHLY;BYDAY=6MO", "a month has at most 5"),
        ("FREQ=MONTHLY;BYDAY=XX", "BYDAY=XX is not a weekday"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "BYMONTHDAY cannot be used with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYWEEKNO=3", "BYWEEKNO needs FREQ=YEARLY"),
        ("FREQ=DAILY;BYYEARDAY=3", "BYYEARDAY cannot be used with FREQ=DAILY"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS needs another BY part"),
        ("FREQ=DAILY;BYEASTER=1", "'BYEASTER=1' is not understood"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ is given twice"),
        ("DTSTART:20260101T090000\nRRULE:FREQ=DAILY", "give the start as `anchor`"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never matches"),
    ],
)
def test_given_a_wrong_rule_then_the_error_says_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        RRuleSpec((text,))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;INTERVAL=2;BYMINUTE=1",
        "FREQ=HOURLY;INTERVAL=3;BYHOUR=1",
        "FREQ=DAILY;BYMONTHDAY=-2;BYHOUR=6;BYSETPOS=2",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=MONTHLY;BYMONTHDAY=15;BYDAY=1MO",
        "FREQ=YEARLY;BYYEARDAY=1,365;BYDAY=3MO",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=6",
    ],
)
def test_given_a_rule_that_never_matches_then_it_is_refused_without_a_search_through_centuries(
    text: str,
) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="never matches"):
        RRuleSpec((text,))
    assert time.process_time() - began < 2

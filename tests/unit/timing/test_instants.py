"""Instants are read in the schedule's zone, by the one rule for clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.timing import parse_date, parse_instant, zone
from scheduler_defs.timing.covering.clock_changes import clock_changes, minute_shifts
from scheduler_defs.timing.instants import in_zone, localise
from tests.unit.timing.strategies import ODD_ZONES, ZONES, walls

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-12-31T23:00", "2026-12-31T23:00-05:00"),
        ("2026-12-31 23:00", "2026-12-31T23:00-05:00"),
        ("2026-12-31T23:00:00Z", "2026-12-31T18:00-05:00"),
        ("2026-12-31T23:00+01:00", "2026-12-31T17:00-05:00"),
        ("2026-12-31", "2026-12-31T00:00-05:00"),
        (date(2026, 7, 1), "2026-07-01T00:00-04:00"),
        (datetime(2026, 7, 1, 9), "2026-07-01T09:00-04:00"),
        ("2026-03-08T02:30", "2026-03-08T03:00-04:00"),
        ("2026-11-01T01:30", "2026-11-01T01:30-05:00"),
        ("2026-11-01T01:30-04:00", "2026-11-01T01:30-04:00"),
    ],
)
def test_given_an_instant_then_it_is_read_in_the_zone(value: str | date, instant: str) -> None:
    assert parse_instant(value, NEW_YORK).isoformat(timespec="minutes") == instant


def test_given_a_date_as_an_end_then_it_is_the_last_minute_of_that_day() -> None:
    for value in ("2026-12-31", date(2026, 12, 31)):
        end = parse_instant(value, NEW_YORK, end_of_day=True)
        assert end.isoformat(timespec="minutes") == "2026-12-31T23:59-05:00"
    assert parse_instant("2026-12-31T05:00", NEW_YORK, end_of_day=True).hour == 5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("tomorrow", "write ISO 8601, for example 2026-12-31T23:00"),
        ("2026-13-01", "write ISO 8601"),
        ("2026-12-31T23:00:30", "is not a whole minute"),
        ("1066-10-14", "outside the years 1970 to 2999"),
    ],
)
def test_given_no_instant_then_the_error_says_how_to_write_one(value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_instant(value, NEW_YORK)


def test_given_a_date_then_it_is_read_or_refused() -> None:
    assert parse_date("2026-12-25") == parse_date(datetime(2026, 12, 25, 9)) == date(2026, 12, 25)
    with pytest.raises(ValueError, match="write it as 2026-12-25"):
        parse_date("25.12.2026")


@settings(max_examples=200)
@given(walls(), st.sampled_from(ZONES + ODD_ZONES))
def test_given_a_wall_clock_time_that_exists_then_the_clock_shows_it(wall: datetime, place: str) -> None:
    instant = localise(wall, zone(place))
    shown = instant.astimezone(zone(place))
    if shown.replace(tzinfo=None, fold=0) == wall:
        # and an hour later it is not shown a second time
        later = wall.replace(tzinfo=zone(place), fold=1).astimezone(UTC)
        assert instant == later
    else:
        # it was skipped: the clock has just jumped over it
        before = (instant - timedelta(seconds=1)).astimezone(zone(place)).replace(tzinfo=None)
        assert before < wall < shown.replace(tzinfo=None)


@pytest.mark.parametrize("place", ["America/Boa_Vista", "America/Noronha", "Asia/Gaza", "Africa/Casablanca"])
def test_given_zones_that_change_back_soon_then_no_change_is_missed(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = clock_changes(place)
    monkeypatch.setattr("scheduler_defs.timing.covering.clock_changes._STRIDE", timedelta(hours=12))
    assert found == clock_changes.__wrapped__(place)


def test_given_zones_then_their_clock_changes_are_found() -> None:
    assert clock_changes("UTC") == ()
    in_2026 = [each for each in clock_changes("America/New_York") if each.instant.year == 2026]
    assert [each.set_to - each.shown for each in in_2026] == [timedelta(hours=1), timedelta(hours=-1)]
    assert [each.instant.isoformat() for each in in_2026] == [
        "2026-03-08T07:00:00+00:00",
        "2026-11-01T06:00:00+00:00",
    ]
    assert minute_shifts("America/New_York") == (0,)
    assert minute_shifts("Australia/Lord_Howe") == (0, 30)


def test_given_an_instant_in_a_zone_then_its_offset_is_fixed() -> None:
    shown = in_zone(datetime(2026, 7, 1, 12, tzinfo=UTC), zone(NEW_YORK))
    assert shown.isoformat() == "2026-07-01T08:00:00-04:00"
    assert (shown + timedelta(days=180)).isoformat() == "2026-12-28T08:00:00-04:00"

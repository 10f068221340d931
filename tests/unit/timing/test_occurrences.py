"""Occurrences of every kind: their order, independence of the asking, and the hours of clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.timing import (
    AtSpec,
    CronSpec,
    EverySpec,
    Policies,
    RRuleSpec,
    Spec,
    Unit,
    is_due,
    is_exhausted,
    next_occurrence,
    occurrences,
    parse_instant,
    previous_occurrence,
)
from tests.unit.timing.strategies import all_zones, specs_and_instants, zones

NEW_YORK = "America/New_York"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def first(spec: Spec, after: str, count: int) -> list[str]:
    return [each.isoformat(timespec="minutes") for each in islice(occurrences(spec, instant(after)), count)]


@settings(max_examples=100, deadline=None)
@given(specs_and_instants(all_zones))
def test_given_any_spec_then_occurrences_are_aware_whole_minutes_and_strictly_increase(
    drawn: tuple[Spec, datetime],
) -> None:
    spec, after = drawn
    found = list(islice(occurrences(spec, after), 12))
    assert all(later > earlier for earlier, later in pairwise([after, *found]))
    assert all(each.utcoffset() is not None and not each.second for each in found)
    assert all(is_due(spec, each) and is_due(spec, each.astimezone(UTC)) for each in found)


@settings(max_examples=100, deadline=None)
@given(specs_and_instants(all_zones), st.integers(0, 10), st.integers(0, 59))
def test_given_any_spec_when_asked_later_then_the_answer_is_the_same(
    drawn: tuple[Spec, datetime], skipped: int, seconds: int
) -> None:
    spec, after = drawn
    found = list(islice(occurrences(spec, after), 12))
    if len(found) <= skipped:
        return
    asked = found[skipped] + timedelta(seconds=seconds)
    assert list(islice(occurrences(spec, asked), 11 - skipped)) == found[skipped + 1 :]
    assert previous_occurrence(spec, asked) == found[skipped]


@settings(max_examples=60, deadline=None)
@given(specs_and_instants(zones), st.integers(0, 2_000))
def test_given_any_spec_then_a_minute_between_occurrences_is_not_due(
    drawn: tuple[Spec, datetime], minutes: int
) -> None:
    spec, after = drawn
    asked = after + timedelta(minutes=minutes)
    following = next_occurrence(spec, asked - timedelta(minutes=1))
    assert is_due(spec, asked) == (following == asked)
    assert not is_due(spec, asked + timedelta(seconds=1))


NIGHTLY = {
    "cron": lambda at: CronSpec((f"{at.minute} {at.hour} * * *",), NEW_YORK),
    "every": lambda at: EverySpec(1, Unit.DAY, at, NEW_YORK),
    "rrule": lambda at: RRuleSpec(("FREQ=DAILY",), start=at, timezone=NEW_YORK),
    "at": lambda at: AtSpec(tuple(at + timedelta(days=n) for n in range(400)), NEW_YORK),
}


@pytest.mark.parametrize("kind", NIGHTLY)
def test_given_a_time_that_does_not_exist_then_it_runs_once_at_the_end_of_the_gap(kind: str) -> None:
    spec = NIGHTLY[kind](datetime(2026, 1, 1, 2, 30))
    assert first(spec, "2026-03-07T12:00-05:00", 2) == ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]


@pytest.mark.parametrize("kind", NIGHTLY)
def test_given_a_time_that_exists_twice_then_it_runs_once_at_the_later_instant(kind: str) -> None:
    spec = NIGHTLY[kind](datetime(2026, 1, 1, 1, 30))
    assert first(spec, "2026-10-31T12:00-04:00", 2) == ["2026-11-01T01:30-05:00", "2026-11-02T01:30-05:00"]


HOURLY = {
    "cron": CronSpec(("30 * * * *",), NEW_YORK),
    "every": EverySpec(1, Unit.HOUR, datetime(2026, 1, 1, 0, 30), NEW_YORK),
    "rrule": RRuleSpec(("FREQ=HOURLY;BYMINUTE=30",), timezone=NEW_YORK),
}


@pytest.mark.parametrize("kind", HOURLY)
def test_given_an_hourly_rule_then_it_runs_in_both_copies_and_in_no_skipped_hour(kind: str) -> None:
    autumn = first(HOURLY[kind], "2026-11-01T00:00-04:00", 4)
    assert [each[11:] for each in autumn] == ["00:30-04:00", "01:30-04:00", "01:30-05:00", "02:30-05:00"]
    spring = first(HOURLY[kind], "2026-03-08T00:45-05:00", 2)
    assert [each[11:] for each in spring] == ["01:30-05:00", "03:30-04:00"]


def test_given_the_first_copy_of_an_hour_has_passed_when_asked_then_the_second_is_still_to_come() -> None:
    for spec in (HOURLY["cron"], HOURLY["rrule"], CronSpec(("30 1 * * *",), NEW_YORK)):
        assert first(spec, "2026-11-01T01:40-04:00", 1) == ["2026-11-01T01:30-05:00"]


def test_given_the_repeated_hour_then_occurrences_compare_as_instants() -> None:
    copies = list(islice(occurrences(HOURLY["cron"], instant("2026-11-01T01:00-04:00")), 2))
    assert copies[0] < copies[1]
    assert copies[1] - copies[0] == timedelta(hours=1)
    assert len(set(copies)) == 2


@pytest.mark.parametrize(
    ("place", "text", "after", "expected"),
    [
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00+10:30", "2026-10-04T02:30+11:00"),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00+11:00", "2026-04-05T01:45+10:30"),
        ("America/Santiago", "30 0 * * *", "2026-09-05T12:00-04:00", "2026-09-06T01:00-03:00"),
        ("America/Santiago", "30 23 * * *", "2026-04-04T12:00-03:00", "2026-04-04T23:30-04:00"),
        ("Europe/Dublin", "30 1 * * *", "2026-03-28T12:00+00:00", "2026-03-29T02:00+01:00"),
        ("Pacific/Chatham", "50 2 * * *", "2026-09-26T12:00+12:45", "2026-09-27T03:45+13:45"),
        ("Pacific/Apia", "30 10 * * *", "2011-12-29T12:00-10:00", "2011-12-31T10:30+14:00"),
        # the Friday that Apia never had is made up for
        ("Pacific/Apia", "30 10 * * 5", "2011-12-24T12:00-10:00", "2011-12-31T10:30+14:00"),
    ],
)
def test_given_an_unusual_clock_change_then_the_same_rule_holds(
    place: str, text: str, after: str, expected: str
) -> None:
    assert first(CronSpec((text,), place), after, 1) == [expected]


def test_given_every_ten_minutes_then_it_is_due_on_the_tens_wherever_one_is() -> None:
    for place in ("UTC", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu"):
        due = next_occurrence(EverySpec.parse("10m", place), instant("2026-05-01T12:03+00:00"))
        assert due is not None
        assert due.minute % 10 == 0


def test_given_months_from_the_31st_then_they_clamp_and_do_not_drift() -> None:
    spec = EverySpec.parse("1 month", "UTC", datetime(2026, 1, 31, 9))
    days = [each[:10] for each in first(spec, "2026-01-01T00:00+00:00", 6)]
    assert days == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]
    leap = first(EverySpec.parse("12 months", "UTC", datetime(2024, 2, 29)), "2026-06-01T00:00+00:00", 2)
    assert [each[:10] for each in leap] == ["2027-02-28", "2028-02-29"]


def test_given_elapsed_hours_then_the_spacing_is_true_when_the_clock_changes() -> None:
    found = list(islice(occurrences(EverySpec.parse("6h", NEW_YORK), instant("2026-03-07T00:00-05:00")), 9))
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=6)}
    assert [each.hour for each in found[3:7]] == [0, 7, 13, 19]


def test_given_calendar_days_then_the_time_of_day_stays() -> None:
    found = list(islice(occurrences(EverySpec.parse("2d", NEW_YORK), instant("2026-03-01T00:00-05:00")), 9))
    assert {each.hour for each in found} == {0}


def test_given_an_anchor_in_the_future_then_the_first_occurrence_is_the_anchor() -> None:
    spec = EverySpec.parse("36h", "UTC", datetime(2026, 7, 1, 6))
    assert first(spec, "2026-01-01T00:00+00:00", 2) == ["2026-07-01T06:00+00:00", "2026-07-02T18:00+00:00"]


def test_given_an_anchor_with_an_offset_then_it_is_that_instant() -> None:
    spec = EverySpec.parse("1d", "America/Chicago", instant("2026-01-01T12:00+00:00"))
    assert first(spec, "2026-01-02T00:00+00:00", 1) == ["2026-01-02T06:00-06:00"]


def test_given_an_explicit_offset_then_at_means_that_copy_of_a_repeated_time() -> None:
    early = AtSpec((parse_instant("2026-11-01T01:30-04:00", NEW_YORK),), NEW_YORK)
    assert first(early, "2026-01-01T00:00+00:00", 2) == ["2026-11-01T01:30-04:00"]


def test_given_exdates_and_rdates_then_they_are_taken_away_and_added() -> None:
    spec = RRuleSpec(
        ("FREQ=DAILY;BYHOUR=9", "FREQ=DAILY;BYHOUR=9,17"),
        exdates=(instant("2026-01-02T09:00+00:00"), instant("2026-01-03T00:00+00:00").date()),
        rdates=(datetime(2026, 1, 2, 12),),
    )
    assert first(spec, "2026-01-01T10:00+00:00", 4) == [
        "2026-01-01T17:00+00:00",
        "2026-01-02T12:00+00:00",
        "2026-01-02T17:00+00:00",
        "2026-01-04T09:00+00:00",
    ]


@pytest.mark.parametrize(
    ("spec", "policies"),
    [
        (AtSpec((datetime(2026, 1, 1, 9), datetime(2026, 1, 2, 9))), None),
        (RRuleSpec(("FREQ=DAILY;COUNT=2",), start=datetime(2026, 1, 1, 9)), None),
        (RRuleSpec(("FREQ=DAILY;BYHOUR=9;UNTIL=20260102",)), None),
        (
            EverySpec.parse("1d", anchor=datetime(2026, 1, 1, 9)),
            Policies(end=instant("2026-01-02T09:00+00:00")),
        ),
        (CronSpec(("0 9 * * *",)), Policies(end=instant("2026-01-03T08:59+00:00"))),
    ],
)
def test_given_the_last_occurrence_has_passed_then_the_spec_is_exhausted(
    spec: Spec, policies: Policies | None
) -> None:
    assert not is_exhausted(spec, policies, instant("2026-01-02T08:59+00:00"))
    assert is_exhausted(spec, policies, instant("2026-01-02T09:00+00:00"))
    assert previous_occurrence(spec, instant("2026-06-01T00:00+00:00"), policies) == instant(
        "2026-01-02T09:00+00:00"
    )


def test_given_nothing_earlier_then_there_is_no_previous_occurrence() -> None:
    assert previous_occurrence(AtSpec((datetime(2026, 1, 1, 9),)), instant("2025-06-01T00:00+00:00")) is None


def test_given_a_naive_instant_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="has no offset"):
        next_occurrence(CronSpec(("* * * * *",)), datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="has no offset"):
        is_due(CronSpec(("* * * * *",)), datetime(2026, 1, 1))

"""Bounds, exclusions, working hours and jitter."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.timing import (
    CatchUp,
    CronSpec,
    EverySpec,
    ExcludedCron,
    ExcludedDates,
    ExcludedHolidays,
    Exclusion,
    Policies,
    Window,
    is_due,
    jitter_delay,
    next_occurrence,
    occurrences,
    parse_exclusion,
    zone,
)

NOON = CronSpec(("0 12 * * *",), "America/Chicago")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def days(policies: Policies, after: str, count: int, spec: CronSpec | EverySpec = NOON) -> list[str]:
    return [each.strftime("%m-%d") for each in islice(occurrences(spec, instant(after), policies), count)]


@pytest.mark.parametrize(
    ("value", "exclusion"),
    [
        ("2026-12-25", ExcludedDates(date(2026, 12, 25), date(2026, 12, 25))),
        (date(2026, 12, 25), ExcludedDates(date(2026, 12, 25), date(2026, 12, 25))),
        ("2026-12-24..2027-01-01", ExcludedDates(date(2026, 12, 24), date(2027, 1, 1))),
        ({"from": "2026-12-24", "to": date(2027, 1, 1)}, ExcludedDates(date(2026, 12, 24), date(2027, 1, 1))),
        ({"cron": "0 22 * * fri", "for": "10h"}, ExcludedCron("0 22 * * fri", timedelta(hours=10))),
        ({"cron": "* 2 * * *"}, ExcludedCron("* 2 * * *", timedelta(minutes=1))),
        ({"holidays": "US"}, ExcludedHolidays("US")),
        ({"holidays": "US", "subdivision": "CA"}, ExcludedHolidays("US", "CA")),
        ({"holidays": "NYSE"}, ExcludedHolidays("NYSE")),
    ],
)
def test_given_an_exclusion_then_it_is_read(value: object, exclusion: Exclusion) -> None:
    assert parse_exclusion(value) == exclusion


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Christmas", "write it as 2026-12-25"),
        ("2027-01-01..2026-12-24", "ends .2026-12-24. before it begins"),
        ({"cron": "61 * * * *"}, "out of range"),
        ({"cron": "0 * * * *", "for": "0s"}, "must be 1m to 366d"),
        ({"holidays": "Atlantis"}, "use an ISO 3166 code such as US or DE, or a market"),
        ({"holidays": "US", "subdivision": "XX"}, "US has no subdivision 'XX'; known are AK"),
        ({"when": "always"}, "keys when are not understood; write a date"),
        (42, "42 is not understood; write a date"),
    ],
)
def test_given_no_exclusion_then_the_error_says_how_to_write_one(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_exclusion(value)


def test_given_start_and_end_then_both_are_included() -> None:
    policies = Policies(start=instant("2026-01-03T12:00-06:00"), end=instant("2026-01-05T12:00-06:00"))
    assert days(policies, "2026-01-01T00:00+00:00", 9) == ["01-03", "01-04", "01-05"]
    due = [is_due(NOON, instant(f"2026-01-0{day}T12:00-06:00"), policies) for day in range(2, 7)]
    assert due == [False, True, True, True, False]


def test_given_excluded_dates_then_they_are_days_of_the_schedules_zone() -> None:
    policies = Policies(exclude=(ExcludedDates(date(2026, 1, 2), date(2026, 1, 3)),))
    late = CronSpec(("30 23 * * *",), "America/Chicago")  # the next day in UTC
    assert days(policies, "2026-01-01T00:00-06:00", 3, late) == ["01-01", "01-04", "01-05"]


def test_given_holidays_then_they_are_left_out_and_named() -> None:
    policies = Policies(exclude=(ExcludedHolidays("US"),))
    assert days(policies, "2026-07-02T00:00-05:00", 3) == ["07-02", "07-05", "07-06"]
    reason = policies.refusal(instant("2026-07-04T12:00-05:00"), zone("America/Chicago"))
    assert reason == "excluded: Independence Day (holidays US)"


def test_given_a_cron_window_then_it_is_closed_for_its_duration() -> None:
    policies = Policies(exclude=(ExcludedCron("0 22 * * fri", timedelta(hours=10)),))
    every_hour = CronSpec(("0 * * * *",), "America/Chicago")
    found = islice(occurrences(every_hour, instant("2026-01-02T20:00-06:00"), policies), 3)
    assert [each.strftime("%a %H:%M") for each in found] == ["Fri 21:00", "Sat 08:00", "Sat 09:00"]


def test_given_working_hours_then_occurrences_outside_are_left_out() -> None:
    policies = Policies(windows=(Window.parse("mon-fri 09:00-17:00", "America/Chicago"),))
    assert days(policies, "2026-01-02T00:00-06:00", 3) == ["01-02", "01-05", "01-06"]
    assert not is_due(NOON, instant("2026-01-03T12:00-06:00"), policies)
    assert is_due(NOON, instant("2026-01-03T12:00-06:00"))


def test_given_a_long_exclusion_then_the_search_jumps_over_it() -> None:
    minutely = EverySpec.parse("1m")
    after = instant("2026-01-31T23:58+00:00")
    year = Policies(exclude=(ExcludedDates(date(2026, 2, 1), date(2027, 1, 31)),))
    assert days(year, "2026-01-31T23:58+00:00", 2, minutely) == ["01-31", "02-01"]
    nights = Policies(exclude=(ExcludedCron("* 0-7 * * *"), ExcludedHolidays("DE")))
    first = next_occurrence(minutely, after + timedelta(minutes=5), nights)
    assert first == instant("2026-02-01T08:00+00:00")


def test_given_many_exclusions_but_not_in_a_row_then_the_search_goes_on() -> None:
    policies = Policies(exclude=(ExcludedCron("0 9 * * *"),))
    spec = CronSpec(("0 9,12 * * *",))
    assert len(list(islice(occurrences(spec, instant("2026-01-01T00:00+00:00"), policies), 1_100))) == 1_100


def test_given_months_of_excluded_minutes_then_the_search_gets_past_them() -> None:
    policies = Policies(
        exclude=(ExcludedCron("* * * 1-6 *"), ExcludedCron("*/5 * * 7-11 *", timedelta(minutes=5)))
    )
    first = next_occurrence(EverySpec.parse("1m"), instant("2026-01-01T00:00+00:00"), policies)
    assert first == instant("2026-12-01T00:00+00:00")


@pytest.mark.parametrize(
    "spec", [EverySpec.parse("1m"), EverySpec.parse("1d", anchor=datetime(2026, 1, 1, 3)), NOON]
)
@pytest.mark.parametrize("cron", ["* * * * *", "* 0-22 * * *", "0 0 * * *", "0 2 * * *"])
def test_given_policies_that_leave_little_or_nothing_then_the_search_ends(
    spec: CronSpec | EverySpec, cron: str
) -> None:
    policies = Policies(
        exclude=(ExcludedCron(cron, timedelta(minutes=1) if "*" in cron[:3] else timedelta(hours=22)),)
    )
    began = time.process_time()
    next_occurrence(spec, instant("2026-01-01T00:00+00:00"), policies)
    assert time.process_time() - began < 20
    always = Policies(exclude=(ExcludedCron("* * * * *"),))
    assert next_occurrence(spec, instant("2026-01-01T00:00+00:00"), always) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Policies(start=datetime(2026, 1, 1)), "has no offset"),
        (
            lambda: Policies(start=instant("2026-02-01T00:00+00:00"), end=instant("2026-01-01T00:00+00:00")),
            "is before start",
        ),
        (lambda: Policies(misfire_grace=timedelta(seconds=-1)), "misfire_grace -1s must not be negative"),
        (lambda: Policies(jitter=timedelta(days=2)), "jitter 2d must be at most 1d"),
        (lambda: Policies(catch_up="sometimes"), "'sometimes' is not a valid CatchUp"),
    ],
)
def test_given_a_fault_then_it_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_given_no_policies_then_the_defaults_are_the_documented_ones() -> None:
    policies = Policies()
    assert policies.catch_up is CatchUp.LATEST
    assert policies.catch_up_window == timedelta(hours=1)
    assert policies.misfire_grace is None
    assert policies.jitter == timedelta(0)


@given(st.text(max_size=20), st.integers(0, 3_600), st.integers(0, 10**6))
def test_given_jitter_then_each_occurrence_has_its_own_lasting_delay(
    name: str, longest: int, minute: int
) -> None:
    jitter = timedelta(seconds=longest)
    occurrence = instant("2026-01-01T00:00+00:00") + timedelta(minutes=minute)
    delay = jitter_delay(name, occurrence, jitter)
    assert timedelta(0) <= delay <= jitter
    assert delay == jitter_delay(name, occurrence.astimezone(zone("Asia/Tokyo")), jitter)


def test_given_many_schedules_then_jitter_spreads_them() -> None:
    occurrence = instant("2026-01-01T00:00+00:00")
    delays = [jitter_delay(f"s{n}", occurrence, timedelta(seconds=59)).seconds for n in range(1_000)]
    assert set(delays) == set(range(60))
    assert max(delays.count(second) for second in range(60)) < 40

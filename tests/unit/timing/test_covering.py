"""The covering cron fires, in Dagster's own iterator, at every occurrence."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, takewhile

import pytest
from dagster._utils.schedules import is_valid_cron_schedule, schedule_execution_time_iterator
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.timing import (
    AtSpec,
    CronSpec,
    EverySpec,
    RRuleSpec,
    Spec,
    covering_cron,
    is_due,
    occurrences,
    parse_instant,
)
from tests.unit.timing.strategies import all_zones, specs_and_instants


def dagster_next(spec: Spec, after: float) -> datetime:
    """The first tick of the covering cron after the timestamp, as the daemon would compute it then."""
    return next(schedule_execution_time_iterator(after, covering_cron(spec), spec.timezone))


@settings(max_examples=150, deadline=None)
@given(specs_and_instants(all_zones), st.integers(1, 70))
def test_given_any_spec_when_due_then_dagster_ticks_at_that_instant(
    drawn: tuple[Spec, datetime], minutes_before: int
) -> None:
    spec, after = drawn
    soon = takewhile(lambda each: each < after + timedelta(days=20), occurrences(spec, after))
    for occurrence in islice(soon, 6):
        due = occurrence.timestamp()
        assert dagster_next(spec, due - 30).timestamp() == due
        # asked earlier, the daemon must not sleep past it either
        assert dagster_next(spec, due - 60 * minutes_before).timestamp() <= due


@settings(max_examples=50, deadline=None)
@given(specs_and_instants(all_zones))
def test_given_any_spec_then_its_cron_is_one_that_dagster_accepts(drawn: tuple[Spec, datetime]) -> None:
    assert is_valid_cron_schedule(covering_cron(drawn[0]))


@pytest.mark.parametrize(
    ("spec", "cron"),
    [
        (CronSpec(("0 2 * * *",), "America/New_York"), "0 2 * * *"),
        (CronSpec(("@daily",)), "@daily"),
        (CronSpec(("0 9 * * 1#1", "30 18 L * *")), ["0 9 * * 1#1", "30 18 L * *"]),
        (EverySpec.parse("10m", "Europe/Berlin"), "*/10 * * * *"),
        (EverySpec.parse("1h", "Asia/Kolkata"), "0 * * * *"),
        (EverySpec.parse("6h"), "0 0,6,12,18 * * *"),
        (EverySpec.parse("1d", "America/New_York"), "0 0 * * *"),
        (EverySpec.parse("1w", "America/New_York"), "0 0 * * 1"),
        (EverySpec.parse("1 month", "UTC", datetime(2026, 1, 31, 9)), "0 9 L * *"),
        (EverySpec.parse("1 month", "UTC", datetime(2026, 1, 30, 9)), ["0 9 30 * *", "0 9 L 2 *"]),
        (EverySpec.parse("3 months", "UTC", datetime(2026, 3, 15, 9)), "0 9 15 3,6,9,12 *"),
        (RRuleSpec(("FREQ=DAILY;BYHOUR=9,17",), timezone="Europe/Berlin"), "0 9,17 * * *"),
        (RRuleSpec(("FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=8;BYMINUTE=30",)), "30 8 * * 1,3"),
        (RRuleSpec(("FREQ=MONTHLY;BYDAY=1MO,-1FR;BYHOUR=9",)), "0 9 * * L5,1#1"),
        (RRuleSpec(("FREQ=MONTHLY;BYMONTHDAY=-1",)), "0 0 L * *"),
        (RRuleSpec(("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",)), "0 0 29 feb *"),
        (RRuleSpec(("FREQ=MINUTELY;INTERVAL=20",)), "*/20 * * * *"),
        (AtSpec((parse_instant("2026-12-31T23:00", "America/Chicago"),), "America/Chicago"), "0 23 31 12 *"),
    ],
)
def test_given_a_spec_that_cron_can_say_then_the_cover_is_exact(spec: Spec, cron: str | list[str]) -> None:
    assert covering_cron(spec) == cron
    after = datetime.fromisoformat("2026-02-27T00:00+00:00")
    ticks = schedule_execution_time_iterator(after.timestamp(), cron, spec.timezone)
    assert all(is_due(spec, tick) for tick in islice(ticks, 1 if isinstance(spec, AtSpec) else 40))


@pytest.mark.parametrize(
    ("spec", "cron"),
    [
        # six elapsed hours move against the clock when it changes
        (EverySpec.parse("6h", "America/New_York"), "0 * * * *"),
        (EverySpec.parse("25m"), "*/5 * * * *"),
        (EverySpec.parse("2d"), "0 0 * * *"),
        (RRuleSpec(("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17",)), "0 17 * * 1,2,3,4,5"),
        (RRuleSpec(("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",)), "0 0 13 * *"),
        # Dagster does not find the end of a gap at midnight, nor one in Dublin
        (CronSpec(("30 0 * * *",), "America/Santiago"), "*/30 * * * *"),
        (CronSpec(("30 1 * * *",), "Europe/Dublin"), "*/30 * * * *"),
        # its hourly crons go wrong when the clock moves by half an hour
        (CronSpec(("0 * * * *",), "Australia/Lord_Howe"), "*/30 * * * *"),
        # and it loses a leap day that is computed on the day itself
        (CronSpec(("0 10 29 2 *",)), "0 10 29 feb *"),
        # two crons with * for the hour lose order in a repeated hour
        (CronSpec(("0 * * * *", "30 * * * *"), "Europe/Berlin"), "*/30 * * * *"),
        (CronSpec(("*/15 * * * *", "20 1 * * *"), "Europe/London"), "0,15,20,30,45 * * * *"),
        # day of month and day of week are alternatives: they cannot be joined with other days
        (CronSpec(("15 * 31 * 5", "45 * 29 11 *"), "Europe/Berlin"), "15,45 * * * *"),
        (EverySpec.parse("2h", "Australia/Lord_Howe"), "*/30 * * * *"),
    ],
)
def test_given_what_cron_or_dagster_cannot_do_then_the_cover_is_wider(spec: Spec, cron: str) -> None:
    assert covering_cron(spec) == cron


def test_given_very_many_instants_then_they_share_one_cron() -> None:
    every_other_day = tuple(datetime(2026, 1 + n // 14, 1 + 2 * (n % 14), 9) for n in range(60))
    assert covering_cron(AtSpec(every_other_day)) == "0 9 1,3,5,7,9,11,13,15,17,19,21,23,25,27 1,2,3,4,5 *"


def test_given_the_first_copy_of_a_repeated_time_then_the_cover_fires_at_that_copy() -> None:
    spec = AtSpec((parse_instant("2026-11-01T01:30-04:00", "America/New_York"),), "America/New_York")
    assert covering_cron(spec) == "30 * 1 11 *"
    due = spec.instants[0].timestamp()
    assert dagster_next(spec, due - 30).timestamp() == due

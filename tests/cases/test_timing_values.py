"""Instants and exclusions: seconds, clock changes, and rules that leave nothing over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from scheduler_defs.cli.schedules.schedules import _instant_or_duration, app
from scheduler_defs.conditions.operators import compare
from scheduler_defs.declarations.models.conditions import Operator
from scheduler_defs.timing import (
    CronSpec,
    EverySpec,
    ExcludedCron,
    ExcludedDates,
    ExcludedHolidays,
    Exclusion,
    Policies,
    is_due,
    next_occurrence,
    occurrences,
    zone,
)
from tests.unit.declarations.yards import lines, load_yard, write_yard
from tests.unit.timing.strategies import ODD_ZONES, ZONES, instants

DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.case("timing-F6.3")
@pytest.mark.parametrize(
    ("observed", "op", "wanted", "holds"),
    [
        ("2025-01-10T00:00:30+00:00", Operator.GT, "2025-01-09T20:00:00-05:00", False),
        ("2025-01-10T00:00:30+00:00", Operator.LT, "2025-01-09T20:00:00-05:00", True),
        ("2025-01-10T00:00:30Z", Operator.EQ, "2025-01-10T00:00:30+00:00", True),
        ("2025-01-10T00:00:30.250Z", Operator.EQ, "2025-01-10 01:00:30,250 +0100", True),
        ("2025-01-10t00:00:30z", Operator.EQ, "2025-01-10 00:00:30 UTC", True),
        ("2025-01-10 01:00:30+01", Operator.EQ, "2025-01-10T00:00:30Z", True),  # Postgres, as text
        ("2025-01-10 01:00:30.5+01", Operator.GT, "2025-01-10T00:00:30Z", True),
        ("2025-01-10T00:00:30.251Z", Operator.GT, "2025-01-10T00:00:30.25Z", True),
        (datetime(2025, 1, 10, 0, 0, 30, tzinfo=UTC), Operator.LT, "2025-01-10T00:00:31Z", True),
        ("1912-04-15T02:20:05Z", Operator.LT, "1969-07-20T20:17:40Z", True),
        ("3100-01-01T00:00:00+02:00", Operator.LT, "3099-12-31T23:00:00Z", True),
        ("9999-12-31T23:59:59Z", Operator.GTE, "9999-12-31T23:59:59Z", True),
        ("2025-01-10T00:00:30", Operator.EQ, "2025-01-09T23:00:30Z", True),
        ("2025-01-10", Operator.LT, "2025-01-10T00:00:00.5", True),
    ],
)
def test_given_timestamps_with_seconds_or_of_far_years_then_they_are_compared_as_instants(
    observed: str | datetime, op: Operator, wanted: str, holds: bool
) -> None:
    assert compare(observed, op, wanted, timezone="Europe/Berlin") is holds


@pytest.mark.case("timing-X-seconds")
@pytest.mark.parametrize(
    "moment", ["2026-03-28T08:59:59Z", "2026-03-28T08:59:59.5+00:00", "2026-03-28T08:59:59"]
)
def test_given_an_instant_with_seconds_then_next_counts_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    config = write_yard(tmp_path, {"a.yaml": "schedules:\n  s: {job: log_triage, every: 1h}\n"})
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(config))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    done = CliRunner().invoke(app, ["next", "s", "--from", moment, "--count", "1", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [{"schedule": "s", "due": "2026-03-28T09:00:00+00:00"}]


@pytest.mark.case("timing-X-seconds")
def test_given_an_instant_with_seconds_then_a_pause_ends_with_it() -> None:
    now = at("2026-03-28T08:00:00+00:00")
    assert _instant_or_duration("2026-03-28T11:30:07+02:00", now, "UTC") == at("2026-03-28T09:30:07+00:00")
    assert _instant_or_duration("90s", now, "UTC") == now + timedelta(seconds=90)


@pytest.mark.case("timing-X5-exclude-preview")
@pytest.mark.parametrize("cron", ["0 0 1 * *", "0 0,12 1 * *", "0 * 1 * *", "*/15 * 1 * *", "0 0-23/2 1 * *"])
@pytest.mark.parametrize(
    ("place", "month"),
    [
        ("America/Chicago", "2026-11"),
        ("Pacific/Chatham", "2029-04"),
        ("UTC", "2026-11"),
        ("Europe/Berlin", "2026-10"),
    ],
)
def test_given_windows_that_fill_a_day_then_the_preview_and_the_tick_exclude_all_of_it(
    cron: str, place: str, month: str
) -> None:
    length = {"0 0 1 * *": DAY, "0 0,12 1 * *": DAY / 2, "0 * 1 * *": DAY / 24, "*/15 * 1 * *": DAY / 96}
    policies = Policies(exclude=(ExcludedCron(cron, length.get(cron, DAY / 12)),))
    hourly = EverySpec.parse("1h", place)
    day = date.fromisoformat(f"{month}-01")
    before = datetime.combine(day, datetime.min.time(), zone(place)) - timedelta(minutes=31)
    for minutes in range(0, 25 * 60, 7):
        first = next_occurrence(hourly, before + timedelta(minutes=minutes), policies)
        assert first is not None
        assert first.date() != day
        assert is_due(hourly, first, policies)


@pytest.mark.case("timing-X5-exclude-preview")
def test_given_the_first_of_november_in_chicago_then_both_questions_have_one_answer() -> None:
    policies = Policies(exclude=(ExcludedCron("0 0 1 * *", DAY),))
    hourly = EverySpec.parse("1h", "America/Chicago")
    for asked in ("2026-10-31T23:30:00-05:00", "2026-11-01T22:59:00-06:00"):
        assert next_occurrence(hourly, at(asked), policies) == at("2026-11-02T00:00:00-06:00")
    assert not is_due(hourly, at("2026-11-01T23:00:00-06:00"), policies)


@pytest.mark.case("timing-X5-exclude-preview")
def test_given_a_day_of_23_hours_then_the_next_one_is_not_excluded_with_it() -> None:
    policies = Policies(exclude=(ExcludedCron("0 0 8 3 *", DAY),))
    first = next_occurrence(
        EverySpec.parse("1h", "America/Chicago"), at("2026-03-07T23:00:00-06:00"), policies
    )
    assert first == at("2026-03-09T00:00:00-05:00")


exclusions = st.one_of(
    st.builds(
        ExcludedCron,
        st.sampled_from(
            [
                "0 0 * * *",
                "* * * * 6,0",
                "0 22 * * *",
                "30 2 * * *",
                "0 */6 * * *",
                "*/15 1-3 * * *",
                "0 0,12 * * *",
                "0 0 * * 1",
                "59 23 L * *",
                "0 0-23/2 1,25-31 * *",
                "45 * * * *",
            ]
        ),
        st.sampled_from(
            [
                timedelta(minutes=1),
                timedelta(minutes=15),
                timedelta(hours=2),
                timedelta(hours=6),
                timedelta(hours=12),
                DAY,
                timedelta(hours=25),
                2 * DAY,
                5 * DAY,
            ]
        ),
    ),
    st.builds(
        lambda first, days: ExcludedDates(first, first + timedelta(days=days)),
        st.dates(date(2005, 1, 1), date(2040, 1, 1)),
        st.integers(0, 3),
    ),
    st.sampled_from([ExcludedHolidays("US"), ExcludedHolidays("NYSE")]),
)


@pytest.mark.case("timing-V07")
@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(ZONES + ODD_ZONES), st.lists(exclusions, min_size=1, max_size=2))
def test_given_any_exclusions_then_what_is_shown_ahead_is_what_each_minute_says(
    data: st.DataObject, place: str, excluded: list[Exclusion]
) -> None:
    policies = Policies(exclude=tuple(excluded))
    spec = data.draw(st.sampled_from([EverySpec.parse("15m", place), CronSpec(("*/30 * * * *",), place)]))
    after = data.draw(instants(place))
    end = after + timedelta(hours=40)
    ahead = list(takewhile(lambda each: each <= end, occurrences(spec, after, policies)))
    minutes: Iterator[datetime] = (after + timedelta(minutes=each) for each in range(1, 40 * 60 + 1))
    due = [minute for minute in minutes if minute.minute % 15 in (0, 1) and is_due(spec, minute, policies)]
    assert [each.timestamp() for each in ahead] == [each.timestamp() for each in due]


@pytest.mark.case("timing-X-nothing-left")
@pytest.mark.parametrize(
    "rule",
    [
        "every: 1m, exclude: {cron: '* * * * *'}",
        "every: 1d, exclude: {cron: '0 0 * * *'}",
        "cron: 30 9 * * mon, exclude: {cron: 0 0 * * mon, for: 1d}",
        "at: 2026-12-25T10:00, exclude: {holidays: US}",
        "every: 1h, start: 2026-01-01, exclude: 2026-01-01..2999-12-31, end: 2998-01-01",
        "cron: 0 0 29 2 *, exclude: {cron: '* * 29 2 *'}",
        "rrule: FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25, exclude: {cron: 0 0 25 12 *, for: 1d}",
    ],
)
def test_given_exclusions_that_leave_nothing_then_that_is_a_fault(tmp_path: Path, rule: str) -> None:
    rule = rule.replace("cron: 30 9 * * mon,", "cron: '30 9 * * mon',").replace(
        "0 0 * * mon, for", "'0 0 * * mon', for"
    )
    (line,) = lines(load_yard(tmp_path, f"schedules:\n  s: {{job: log_triage, {rule}}}\n"))
    assert (
        ".s.exclude: is never due: everything is excluded" in line or ".s.end: is never due between" in line
    )


@pytest.mark.case("timing-X-nothing-left")
@pytest.mark.parametrize(
    "rule",
    [
        "every: 1h, exclude: {cron: '0 * * 1-11 *'}",
        "every: 1m, exclude: {cron: '* * * 1-6 *'}",
        "every: 1m, exclude: [{cron: '*/2 * * * *'}, {cron: '1-59/3 * * * *'}]",
        "every: 1d, start: 2026-01-01, exclude: 2026-01-01..2027-12-31",
        "rrule: FREQ=DAILY;UNTIL=20201231, exclude: 2020-12-31",
        "cron: 0 0 29 2 *, exclude: 2028-02-29",
        "at: [2026-12-25T10:00, 2026-12-26T10:00], exclude: {holidays: US}",
    ],
)
def test_given_exclusions_that_leave_something_however_far_then_that_is_no_fault(
    tmp_path: Path, rule: str
) -> None:
    assert lines(load_yard(tmp_path, f"schedules:\n  s: {{job: log_triage, {rule}}}\n")) == []


@pytest.mark.case("timing-X-nothing-left")
def test_given_eleven_excluded_months_of_hours_then_the_twelfth_is_found() -> None:
    policies = Policies(exclude=(ExcludedCron("0 * * 1-11 *"),))
    found = islice(occurrences(EverySpec.parse("1h"), at("2026-01-01T00:00+00:00"), policies), 1)
    assert list(found) == [at("2026-12-01T00:00+00:00")]

"""What ticks when nothing is due: as little as Dagster's crons allow, and nothing outside a schedule's bounds."""

from __future__ import annotations

import datetime as dt
import json
import sys
from itertools import islice, takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs import tags
from scheduler_defs.declarations.normalising import brief_rule
from scheduler_defs.execution.dagster_patches import tick_times
from scheduler_defs.schedules import build_schedule
from scheduler_defs.timing import Policies, occurrences
from tests.unit.declarations.yards import lines, load_yard
from tests.unit.timing.strategies import all_zones, specs

NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def nothing_waits(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Since when something waits, by declared name; nothing until a test says so."""
    found: dict[str, float] = {}
    monkeypatch.setattr(tick_times, "_waiting", lambda: found)
    return found


def served(folder: Path, rule: str) -> Any:
    """A schedule as daemon and webserver know it: what Dagster carries over from the code server."""
    (found,) = all_served(folder, [rule])
    return found


def all_served(folder: Path, rules: list[str], timezone: str = "UTC") -> list[Any]:
    names = ["s", *(f"s{n}" for n in range(1, len(rules)))]
    yard = "".join(
        f"  {name}: {{job: log_triage, {rule}}}\n" for name, rule in zip(names, rules, strict=True)
    )
    result = load_yard(folder, f"defaults: {{timezone: {timezone}}}\nschedules:\n{yard}")
    assert lines(result) == []
    found: list[Any] = []
    for each in result.declarations.schedules.values():
        made = build_schedule(result.declarations, each)
        found.append(
            SimpleNamespace(
                name=made.name,
                metadata=made.metadata,
                cron_schedule=made.cron_schedule,
                execution_timezone=made.execution_timezone,
                rule=each,
            )
        )
    return found


def ticks(remote: Any, begin: dt.datetime, length: dt.timedelta) -> list[dt.datetime]:
    found = tick_times.tick_times(remote, begin.timestamp())
    end = begin + length
    return [each.astimezone(dt.UTC) for each in takewhile(lambda each: each < end, found)]


@pytest.mark.case("attack-X-ticks-outside")
@pytest.mark.parametrize(
    "rule",
    [
        "every: 1m, end: 2026-05-31",
        "every: 1m, start: 2027-01-01",
        "cron: '* * * * *', end: 2026-06-01T11:59",
        "check_every: 1m, when: {subject: env:X, op: exists}, end: 2026-05-31",
        "at: 2026-05-01T12:00",
        "at: 2027-05-01T12:00, jitter: 10m",
        "rrule: FREQ=MINUTELY;UNTIL=20260501",
        "rrule: FREQ=MINUTELY;COUNT=5, anchor: 2026-05-01T00:00",
        "every: 1m, end: 2026-05-31, jitter: 5m, max_global: 1",
    ],
)
def test_given_a_schedule_that_is_over_or_has_not_begun_then_it_does_not_tick(
    tmp_path: Path, nothing_waits: dict[str, float], rule: str
) -> None:
    assert ticks(served(tmp_path, rule), NOON, 100 * DAY) == []


@pytest.mark.case("attack-X-ticks-outside")
def test_given_bounds_then_the_first_and_the_last_occurrence_tick(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    remote = served(tmp_path, "every: 1h, start: 2026-06-02T03:00, end: 2026-06-02T06:00")
    assert [each.hour for each in ticks(remote, NOON, 10 * DAY)] == [3, 4, 5, 6]


@pytest.mark.case("attack-X-ticks-outside")
def test_given_a_schedule_that_is_over_then_dagster_still_gets_a_next_tick_that_nobody_will_see(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    remote = served(tmp_path, "every: 1m, end: 2026-05-31")
    found = list(islice(tick_times.tick_times(remote, NOON.timestamp()), 3))
    assert found == sorted(set(found))
    assert all(each >= tick_times.NEVER for each in found)


@pytest.mark.case("newcomer-X-timeline")
@pytest.mark.parametrize(
    "rule",
    [
        "cron: '30 22 * * mon-fri', jitter: 5m, timezone: America/Chicago",
        "every: 1d, max_global: 5",
        "every: 1d, max_per_job: 1, jitter: 1h",
        "every: 90m",
        "every: 90m, jitter: 20m",
        "every: 36m, jitter: 20m",
        "every: 7m, max_global: 1",
        "every: 1001m",
        "every: 7h, anchor: 2026-06-03T05:20, timezone: Europe/Berlin",
        "every: 25m, start: 2026-06-02T00:01, end: 2026-06-05T00:00",
        "rrule: FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9, timezone: Europe/Berlin, jitter: 10m",
        "check_every: 5m, when: {subject: env:X, op: exists}, max_per_job: 1",
    ],
)
def test_given_jitter_or_limits_then_dagster_shows_the_occurrences_and_nothing_else(
    tmp_path: Path, nothing_waits: dict[str, float], rule: str
) -> None:
    remote = served(tmp_path, rule)
    end = NOON + 7 * DAY
    begin = NOON - dt.timedelta(minutes=1)
    shown = takewhile(lambda each: each < end, occurrences(remote.rule.timing, begin, remote.rule.policies))
    expected = [each.timestamp() for each in shown]
    assert [each.timestamp() for each in ticks(remote, NOON, 7 * DAY)] == expected


@pytest.mark.case("newcomer-X-timeline")
def test_given_300_daily_schedules_with_jitter_then_they_tick_300_times_a_day(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    yard = [f"cron: '{n % 60} {n % 24} * * *', jitter: 10m" for n in range(300)]
    assert sum(len(ticks(each, NOON, DAY)) for each in all_served(tmp_path, yard)) == 300


# what waits is looked at again when its time has come


def test_given_an_occurrence_that_waits_then_there_is_a_tick_at_its_time_and_each_minute_from_then_on(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    remote = served(tmp_path, "cron: '0 3 * * *', jitter: 10m")
    nothing_waits["s"] = (NOON + dt.timedelta(minutes=4, seconds=20.5)).timestamp()
    found = islice(tick_times.tick_times(remote, (NOON + dt.timedelta(seconds=1)).timestamp()), 3)
    assert [each.strftime("%H:%M:%S") for each in found] == ["12:04:21", "12:05:21", "12:06:21"]
    later = tick_times.tick_times(remote, (NOON + dt.timedelta(minutes=9, seconds=3)).timestamp())
    assert next(later).strftime("%H:%M:%S") == "12:09:21"
    assert not tick_times.is_waiting(remote, (NOON + dt.timedelta(minutes=4)).timestamp())
    assert tick_times.is_waiting(remote, (NOON + dt.timedelta(minutes=5)).timestamp())


def test_given_a_look_at_what_waits_then_its_tick_is_of_the_look_and_the_next_one_a_minute_later(
    tmp_path: Path, nothing_waits: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = served(tmp_path, "cron: '0 3 * * *', max_global: 1")
    nothing_waits["s"] = NOON.timestamp()
    monkeypatch.setattr(tick_times.looking, "now", (NOON + dt.timedelta(minutes=7, seconds=59.9)).timestamp())
    found = tick_times.tick_times(remote, (NOON + dt.timedelta(minutes=2, seconds=0.5)).timestamp())
    assert [next(found).strftime("%H:%M:%S") for _ in range(2)] == ["12:07:59", "12:08:59"]
    # Dagster asks from a second after its tick on: no minute is passed over, and there is no second tick.
    after = tick_times.tick_times(remote, (NOON + dt.timedelta(minutes=8)).timestamp())
    assert next(after) > NOON + dt.timedelta(minutes=7, seconds=59)


def test_given_an_occurrence_in_the_time_since_the_last_look_then_its_own_tick_comes_and_no_other(
    tmp_path: Path, nothing_waits: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = served(tmp_path, "every: 10m, max_global: 1")
    nothing_waits["s"] = (NOON + dt.timedelta(minutes=8)).timestamp()
    monkeypatch.setattr(tick_times.looking, "now", (NOON + dt.timedelta(minutes=10, seconds=30)).timestamp())
    found = tick_times.tick_times(remote, (NOON + dt.timedelta(minutes=9, seconds=30)).timestamp())
    assert [next(found).minute for _ in range(2)] == [10, 20]


def test_given_something_that_waits_beyond_the_end_then_it_is_looked_at(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    remote = served(tmp_path, "every: 1m, end: 2026-05-31, max_global: 1")
    nothing_waits["s"] = NOON.timestamp() - 60
    assert ticks(remote, NOON, dt.timedelta(minutes=3)) == [NOON + dt.timedelta(minutes=n) for n in range(3)]


def test_given_another_locations_schedule_of_the_same_name_then_it_is_left_alone(
    nothing_waits: dict[str, float],
) -> None:
    nothing_waits["s"] = NOON.timestamp()
    remote: Any = SimpleNamespace(name="s", metadata={}, cron_schedule="0 * * * *", execution_timezone="UTC")
    assert ticks(remote, NOON, dt.timedelta(hours=3)) == [NOON + dt.timedelta(hours=n) for n in range(3)]


ZONES = ["UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe"]
"""Without clock changes, with them by night, at and around midnight, off the hour, and by half an hour."""
KINDS = [
    "cron: '*/10 * * * *'",
    "cron: '15 0 * * *'",
    "cron: ['30 2 * * mon-fri', '0 9 1 * *', '59 23 29 2 *']",
    "cron: '0 0 * * *', start: 2026-03-05T00:00, end: 2026-11-05T00:00",
    "cron: '*/5 * * * *', exclude: [{cron: '0 22 * * *', for: 9h}, 2026-03-08..2026-03-10, {holidays: US}]",
    "cron: '0 * * * *', exclude: [{cron: '* * * * sat,sun'}, {cron: '0 17 * * *', for: 16h}]",
    "every: 7m",
    "every: 7m, exclude: [{cron: '0 6 * * *', for: 16h}]",
    "every: 45m, jitter: 10m",
    "every: 5h, max_global: 3",
    "every: 1000m, start: 2026-03-01T12:00",
    "every: 3d, anchor: 2026-01-01T00:30",
    "every: 2w, anchor: 2026-01-02T23:45",
    "every: 5 months, anchor: 2026-01-31T00:00",
    "rrule: FREQ=HOURLY;INTERVAL=7",
    "rrule: FREQ=HOURLY;INTERVAL=5;BYMINUTE=3",
    "rrule: FREQ=MINUTELY;INTERVAL=7",
    "rrule: FREQ=MINUTELY;INTERVAL=90",
    "rrule: FREQ=MINUTELY;INTERVAL=11;BYHOUR=0,12",
    "rrule: FREQ=DAILY;INTERVAL=10;BYHOUR=0;BYMINUTE=30",
    "rrule: FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,TH;BYHOUR=9",
    "rrule: FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=18",
    "rrule: FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=-2;BYHOUR=0",
    "rrule: FREQ=YEARLY;BYYEARDAY=67,300;BYHOUR=0,23",
    "rrule: FREQ=YEARLY;BYWEEKNO=11;BYDAY=SU;BYHOUR=2;BYMINUTE=30",
    "rrule: FREQ=HOURLY;INTERVAL=6;COUNT=9, anchor: 2026-03-07T05:00",
    "rrule: FREQ=MINUTELY;INTERVAL=20;UNTIL=20260308T120000Z",
    "rrule: FREQ=DAILY, anchor: 2026-01-01T00:00, exclude: ['2026-03-09']",
    "check_every: 13m, when: {subject: env:X, op: exists}",
    "at: [2026-03-08T00:30, 2026-10-25T02:30, 2027-01-01T00:00]",
]


@pytest.mark.case("newcomer-X-timeline")
@pytest.mark.parametrize("timezone", ZONES)
def test_given_any_kind_of_rule_then_it_ticks_at_its_occurrences_and_no_more(
    tmp_path: Path, nothing_waits: dict[str, float], timezone: str
) -> None:
    for rule, remote in zip(KINDS, all_served(tmp_path, KINDS, timezone), strict=True):
        for begin in (dt.datetime(2026, 3, 5, tzinfo=dt.UTC), dt.datetime(2026, 10, 22, tzinfo=dt.UTC)):
            coming = occurrences(remote.rule.timing, begin - dt.timedelta(seconds=1), remote.rule.policies)
            end = begin + 14 * DAY
            due = [each.astimezone(dt.UTC) for each in takewhile(end.__gt__, coming)]
            found = ticks(remote, begin, 14 * DAY)
            assert len(found) == len(due), f"{rule}: {len(found)} ticks for {len(due)} occurrences"
            assert found == due, rule


@settings(max_examples=150, deadline=None)
@given(specs(all_zones), st.integers(0, 2_000))
def test_given_any_rule_and_bounds_then_daemon_and_webserver_read_its_occurrences(
    spec: Any, day: int
) -> None:
    begin = dt.datetime(2019, 1, 1, tzinfo=dt.UTC) + day * DAY
    policies = Policies(start=begin, end=begin + 3 * DAY, jitter=dt.timedelta(minutes=5))
    rule = SimpleNamespace(timing=spec, policies=policies)
    remote: Any = SimpleNamespace(
        name="s", metadata={tags.DUE: SimpleNamespace(value=json.loads(json.dumps(brief_rule(rule))))}
    )
    found = ticks(remote, begin - DAY, 5 * DAY)
    assert found == [each.astimezone(dt.UTC) for each in occurrences(spec, begin - 2 * DAY, policies)]


def test_given_a_rule_of_another_release_then_the_cron_counts(nothing_waits: dict[str, float]) -> None:
    for written in ({"timing": {"is": "Lunar"}, "policies": {}}, {"timing": {"is": "EverySpec"}}, ["x"]):
        remote: Any = SimpleNamespace(
            name="s",
            metadata={tags.DUE: SimpleNamespace(value=written)},
            cron_schedule="0 * * * *",
            execution_timezone="UTC",
        )
        assert ticks(remote, NOON, dt.timedelta(hours=2)) == [NOON, NOON + dt.timedelta(hours=1)]


def test_given_so_many_are_excluded_that_nobody_looks_further_then_the_cron_goes_on(
    tmp_path: Path, nothing_waits: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    excluded = "[{cron: '*/2 12 * * *'}, {cron: '1-59/2 12 * * *'}]"
    remote = served(tmp_path, f"every: 1m, exclude: {excluded}")
    monkeypatch.setitem(sys.modules["scheduler_defs.timing.occurrences"].__dict__, "_GIVE_UP_AFTER", 5)
    assert ticks(remote, NOON, dt.timedelta(minutes=2)) == [NOON, NOON + dt.timedelta(minutes=1)]

"""What ticks when nothing is due: as little as Dagster's crons allow, and nothing outside a schedule's bounds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs import tags
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.execution.dagster_patches import tick_times
from scheduler_defs.ledger.lines import waiting
from scheduler_defs.schedules import build_schedule
from scheduler_defs.timing import Policies, bounds, jitter_delay, occurrences
from tests.cases.ticking import HOURLY, Yard, at, due, schedule
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
    result = load_yard(folder, f"schedules:\n  s: {{job: log_triage, {rule}}}\n")
    assert lines(result) == []
    made = build_schedule(result.declarations, result.declarations.schedules["s"])
    return SimpleNamespace(
        name=made.name,
        metadata=made.metadata,
        cron_schedule=made.cron_schedule,
        execution_timezone=made.execution_timezone,
        rule=result.declarations.schedules["s"],
    )


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
    yard = "".join(
        f"  s{n}: {{job: log_triage, cron: '{n % 60} {n % 24} * * *', jitter: 10m}}\n" for n in range(300)
    )
    result = load_yard(tmp_path, f"schedules:\n{yard}")
    count = 0
    for each in result.declarations.schedules.values():
        made = build_schedule(result.declarations, each)
        remote: Any = SimpleNamespace(
            name=made.name,
            metadata={tags.DECLARED: SimpleNamespace(value=each.name)},
            cron_schedule=made.cron_schedule,
            execution_timezone=made.execution_timezone,
        )
        count += len(ticks(remote, NOON, DAY))
    assert count == 300


# what waits is looked at again, each minute from its time on


def test_given_an_occurrence_that_waits_then_there_is_a_tick_each_minute_from_its_time_on(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    remote = served(tmp_path, "cron: '0 3 * * *', jitter: 10m")
    nothing_waits["s"] = (NOON + dt.timedelta(minutes=4, seconds=20)).timestamp()
    found = islice(tick_times.tick_times(remote, (NOON + dt.timedelta(seconds=1)).timestamp()), 3)
    assert [each.strftime("%H:%M:%S") for each in found] == ["12:05:00", "12:06:00", "12:07:00"]
    later = tick_times.tick_times(remote, (NOON + dt.timedelta(minutes=9, seconds=3)).timestamp())
    assert next(later).strftime("%H:%M:%S") == "12:10:00"
    again = tick_times.tick_times(remote, (NOON + dt.timedelta(minutes=9)).timestamp())
    assert next(again).strftime("%H:%M:%S") == "12:09:00"  # a tick that failed is repeated
    assert not tick_times.is_waiting(remote, (NOON + dt.timedelta(minutes=4)).timestamp())
    assert tick_times.is_waiting(remote, (NOON + dt.timedelta(minutes=5)).timestamp())


def test_given_something_that_waits_beyond_the_end_then_it_is_looked_at(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    remote = served(tmp_path, "every: 1m, end: 2026-05-31, max_global: 1")
    nothing_waits["s"] = NOON.timestamp() - 60
    assert ticks(remote, NOON, dt.timedelta(minutes=3)) == [NOON + dt.timedelta(minutes=n) for n in range(3)]


def test_given_ticks_of_both_kinds_in_one_minute_then_there_is_one(
    tmp_path: Path, nothing_waits: dict[str, float]
) -> None:
    remote = served(tmp_path, "every: 2m, timezone: Asia/Kolkata")
    nothing_waits["s"] = NOON.timestamp()
    assert ticks(remote, NOON, dt.timedelta(minutes=6)) == [NOON + dt.timedelta(minutes=n) for n in range(6)]


def test_given_another_locations_schedule_of_the_same_name_then_it_is_left_alone(
    nothing_waits: dict[str, float],
) -> None:
    nothing_waits["s"] = NOON.timestamp()
    remote: Any = SimpleNamespace(name="s", metadata={}, cron_schedule="0 * * * *", execution_timezone="UTC")
    assert ticks(remote, NOON, dt.timedelta(hours=3)) == [NOON + dt.timedelta(hours=n) for n in range(3)]


def test_given_a_database_that_does_not_answer_then_the_last_answer_counts() -> None:
    seconds = iter([0.0, 1.0, 10.0, 20.0])
    answers: Iterator[Mapping[str, float] | Exception] = iter([{"a": 1.0}, OSError("away"), {}])

    def read() -> Mapping[str, float]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    remembered = tick_times.Remembered(read, lambda: next(seconds))
    assert [remembered() for _ in range(4)] == [{"a": 1.0}, {"a": 1.0}, {"a": 1.0}, {}]


@pytest.fixture
def yard(dagster_url: str) -> Iterator[Yard]:
    engine = sa.create_engine(dagster_url)
    yield Yard(engine)
    engine.dispose()


def test_given_a_jittered_occurrence_then_it_waits_until_its_start_and_then_no_more(yard: Yard) -> None:
    jitter = dt.timedelta(minutes=20)
    what = schedule(policies=Policies(jitter=jitter))
    yard.serve(what, since=at(8, 30))
    yard.tick(what, at(9))
    begins = at(9) + jitter_delay("s", at(9), jitter)
    assert waiting(yard.engine) == {"s": begins.timestamp()}
    tick = begins.replace(second=0) + dt.timedelta(minutes=1)
    assert due(yard.tick(what, tick)) == ["09:00"]
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.occurrences SET created_at = decided_at WHERE created_at IS NULL")
        )
    assert waiting(yard.engine) == {}


def test_given_a_limit_then_the_occurrence_waits_from_its_tick_on(yard: Yard) -> None:
    what = schedule(max_per_job=1)
    yard.serve(what, since=at(8, 30))
    yard.active = [KnownRun("r", "report", "other", None, Stage.RUNNING)]
    yard.tick(what, at(9))
    assert waiting(yard.engine) == {"s": at(9).timestamp()}


def test_given_a_run_that_was_ordered_and_never_made_then_it_waits_for_an_hour(yard: Yard) -> None:
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    what = schedule(timing=HOURLY)
    yard.serve(what, since=now - DAY)
    tick = now.replace(minute=0)
    yard.evaluate(what, tick, now)
    assert waiting(yard.engine) == {"s": now.timestamp() + 30}
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.occurrences SET decided_at = now() - interval '2 hours'")
        )
    assert waiting(yard.engine) == {}


@settings(max_examples=150, deadline=None)
@given(specs(all_zones), st.integers(0, 2_000))
def test_given_any_rule_then_nothing_is_due_after_its_bounds(spec: Any, day: int) -> None:
    _, last = bounds(spec, Policies())
    if last is not None:
        assert next(occurrences(spec, last), None) is None
    begin = dt.datetime(2019, 1, 1, tzinfo=dt.UTC) + day * DAY
    first, last = bounds(spec, Policies(start=begin, end=begin + DAY))
    assert first == begin
    assert last is not None and last <= begin + DAY

"""The clock goes back by hours: ticks go on, nothing runs twice, and `status` has one line while it lasts."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon import controller  # noqa: F401 - first: the scheduler and the daemon import each other
from dagster._scheduler.scheduler import ScheduleIterationTimes

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Overlap
from scheduler_defs.execution.dagster_patches import schedule_times
from scheduler_defs.execution.dagster_patches.loops.schedules import Woken
from scheduler_defs.execution.dagster_patches.loops.waits import Waits
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.stack.health.clock import clock_problems
from scheduler_defs.tags import DECLARED
from scheduler_defs.timing import EverySpec
from tests.cases.ticking import Yard, at, due, schedule

NOW = at(10).timestamp()
TWO_HOURS = 7_200.0
ORIGIN = RemoteInstigatorOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("signalbox"), "__repository__"), "s"
)


@pytest.fixture
def yard(dagster_url: str) -> Iterator[Yard]:
    engine = sa.create_engine(dagster_url)
    yield Yard(engine)
    engine.dispose()


class Served:
    """What the daemon knows of a schedule."""

    selector_id = "selector"
    cron_schedule = "* * * * *"
    metadata: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, zone: str = "UTC") -> None:
        self.execution_timezone = zone


def looked(at_second: float) -> ScheduleIterationTimes:
    return ScheduleIterationTimes("* * * * *", at_second + 60, at_second)


@pytest.mark.case("recovery-X-clock-back")
@pytest.mark.case("recovery-B10")
def test_given_a_clock_two_hours_back_then_the_daemon_looks_again_at_once() -> None:
    served: Any = Served()
    should = schedule_times.should_run_next_iteration
    assert should(looked(NOW + TWO_HOURS), served, NOW)
    assert not should(looked(NOW), served, NOW + 1)


@pytest.mark.case("timing-X3-timezone-edit")
def test_given_another_zone_or_rule_and_the_same_cron_then_the_daemon_looks_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    should = schedule_times.should_run_next_iteration
    before: Any = Served("UTC")
    after: Any = Served("Asia/Kolkata")
    monkeypatch.setattr(schedule_times, "_launch", lambda *_, **__: iter(()))
    state = InstigatorState(
        ORIGIN, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, ScheduleInstigatorData("* * * * *", NOW)
    )
    list(schedule_times.launch(None, None, before, state, at(10)))
    assert not should(looked(NOW), before, NOW + 1)
    assert should(looked(NOW), after, NOW + 1)
    edited: Any = Served("UTC")
    edited.metadata = {tags.DUE: SimpleNamespace(value={"timing": {}})}
    assert should(looked(NOW), edited, NOW + 1)


@pytest.mark.case("recovery-X-clock-back")
def test_given_what_dagster_has_noted_in_the_future_then_it_begins_a_minute_before_now() -> None:
    data = ScheduleInstigatorData("* * * * *", NOW + TWO_HOURS, NOW + TWO_HOURS)
    state = InstigatorState(ORIGIN, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, data)
    found = schedule_times.beginning(state, NOW).instigator_data
    assert isinstance(found, ScheduleInstigatorData)
    assert (found.start_timestamp, found.last_iteration_timestamp) == (NOW - 60, NOW - 60)
    past = InstigatorState(
        ORIGIN,
        InstigatorType.SCHEDULE,
        InstigatorStatus.RUNNING,
        ScheduleInstigatorData("", NOW - 5, NOW - 1),
    )
    assert schedule_times.beginning(past, NOW) is past


@pytest.mark.parametrize(("metadata", "seconds"), [({DECLARED: "nightly"}, 15), ({}, 0)])
def test_what_falls_due_before_the_daemons_first_look_is_asked_of_ours_and_of_nobody_elses_schedules(
    monkeypatch: pytest.MonkeyPatch, metadata: dict[str, str], seconds: int
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(
        schedule_times, "_launch", lambda *given, **_: iter([begun.append(given[3].instigator_data)])
    )
    served: Any = Served()
    served.metadata = metadata
    data = ScheduleInstigatorData("* * * * *", NOW)
    state = InstigatorState(ORIGIN, InstigatorType.SCHEDULE, InstigatorStatus.DECLARED_IN_CODE, data)
    list(schedule_times.launch(None, None, served, state, at(10)))
    assert [each.start_timestamp for each in begun] == [NOW - seconds]


@pytest.mark.case("recovery-X-clock-back")
def test_given_a_tick_in_the_future_then_a_sensor_does_not_wait_for_it() -> None:
    now = time.time()
    served: Any = type("Sensor", (), {"min_interval_seconds": 30})()

    def state(last: float) -> InstigatorState:
        data = SensorInstigatorData(last_tick_timestamp=last)
        return InstigatorState(ORIGIN, InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)

    assert not schedule_times.is_under_min_interval(state(now + TWO_HOURS), served)
    assert schedule_times.is_under_min_interval(state(now - 5), served)


@pytest.mark.case("recovery-X-clock-back")
def test_given_ticks_of_the_future_then_the_newest_one_is_of_the_past(dagster_url: str) -> None:
    storage = SignalboxStorage(dagster_url).schedule_storage
    now = time.time()
    for moment in (now - 120, now + TWO_HOURS):
        storage.create_tick(
            TickData(
                "origin", "s", InstigatorType.SCHEDULE, TickStatus.SKIPPED, moment, selector_id="selector"
            )
        )
    (newest,) = storage.get_ticks("origin", "selector", limit=1)
    assert newest.timestamp == pytest.approx(now - 120, abs=1)
    assert len(storage.get_ticks("origin", "selector", limit=10)) == 2


@pytest.mark.case("recovery-X-clock-back")
def test_given_a_clock_that_jumps_back_then_the_daemon_begins_anew_and_not_for_a_small_step() -> None:
    ending = threading.Event()
    wall = {"ahead": 0.0}
    told: list[float] = []
    woken = Woken(
        ending,
        lambda: 1,
        Waits(dict),
        lambda: None,
        time.monotonic,
        lambda: time.monotonic() + wall["ahead"],
        told.append,
    )
    woken.wait(0.0)
    wall["ahead"] = -5.0
    woken.wait(0.0)
    assert told == []
    wall["ahead"] = -TWO_HOURS
    woken.wait(0.0)
    woken.wait(0.0)
    assert told == [pytest.approx(TWO_HOURS - 5.0, abs=0.1)]


@pytest.mark.case("recovery-B10")
def test_given_a_clock_that_jumps_forward_then_the_daemon_looks_at_once_and_not_when_its_minute_is_over() -> (
    None
):
    ahead = 0.0
    looks: list[float] = []

    def looked() -> int:
        nonlocal ahead
        looks.append(ahead)
        # Somebody sets it while the daemon waits.
        ahead = 2.0 if len(looks) < 3 else 3600.0
        return 1

    woken = Woken(
        threading.Event(), looked, Waits(dict), lambda: None, time.monotonic, lambda: time.monotonic() + ahead
    )
    began = time.monotonic()
    assert not woken.wait(30.0)
    assert time.monotonic() - began < 10
    assert looks == [0.0, 2.0, 2.0, 3600.0], "a small step is none"


@pytest.mark.case("recovery-X-clock-back")
def test_given_ticks_that_come_a_second_time_then_nothing_runs_twice_and_what_is_new_runs(yard: Yard) -> None:
    what = schedule(timing=EverySpec.parse("10m"), overlap=Overlap.ALLOW)
    other = schedule("other", EverySpec.parse("10m"), overlap=Overlap.ALLOW)
    yard.serve(what, since=at(9, 55))
    first = [due(yard.tick(what, at(10, minute))) for minute in range(0, 60, 10)]
    assert [each for each in first if each] == [[f"10:{minute:02}"] for minute in range(0, 60, 10)]
    with yard.engine.begin() as connection:
        before = connection.execute(sa.text("SELECT count(*) FROM runs")).scalar_one()
    yard.restart()
    yard.serve(what, other, since=at(9, 0, 30))
    for minute in range(0, 60, 10):
        yard.tick(what, at(10, minute))
        assert due(yard.tick(other, at(10, minute))) == [f"10:{minute:02}"]
    with yard.engine.begin() as connection:
        after = connection.execute(sa.text("SELECT count(*) FROM runs")).scalar_one()
    assert after - before == 6, "only the new schedule's"
    assert due(yard.tick(what, at(11))) == ["11:00"]


@pytest.mark.case("recovery-X-clock-back")
def test_given_decisions_of_the_future_then_status_has_one_line(yard: Yard, dagster_url: str) -> None:
    assert clock_problems(dagster_url) == []
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO signalbox.schedule_states (schedule, handled) VALUES ('s', :at)"),
            {"at": dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)},
        )
    (line,) = clock_problems(dagster_url)
    assert line.startswith("the clock was set back by ")
    assert " or more: what was due up to " in line

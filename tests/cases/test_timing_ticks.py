"""A tick that is evaluated again comes to the same answer and the same run; an edit counts only forwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Comparison, Fire, Operator, Overlap
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.timing import CatchUp, CronSpec, EverySpec, Policies, jitter_delay
from tests.cases.ticking import Yard, at, due, ids, schedule


@pytest.fixture
def yard(dagster_url: str) -> Iterator[Yard]:
    engine = sa.create_engine(dagster_url)
    yield Yard(engine)
    engine.dispose()


def fires_once(flag: Path) -> dict[str, Any]:
    flag.touch()
    condition = Comparison(subject=f"file.exists:{flag}", op=Operator.EQ, value=True)
    return {"when": condition, "fire": Fire.EDGE, "cooldown": dt.timedelta(hours=2)}


WAYS: dict[str, dict[str, Any]] = {
    "overlap skip": {"overlap": Overlap.SKIP},
    "overlap queue": {"overlap": Overlap.QUEUE},
    "overlap allow": {"overlap": Overlap.ALLOW},
    "max_per_job": {"max_per_job": 1},
    "max_global": {"max_global": 1},
    "catch_up none": {"policies": Policies(catch_up=CatchUp.NONE)},
    "catch_up all": {"policies": Policies(catch_up=CatchUp.ALL, catch_up_window=dt.timedelta(hours=9))},
    "every 90m": {"timing": EverySpec.parse("90m")},
}


@pytest.mark.case("timing-X1")
@pytest.mark.case("timing-F6.8")
@pytest.mark.parametrize("created", ["nothing", "the run, which is not queued"])
@pytest.mark.parametrize("process", ["same", "new"])
@pytest.mark.parametrize("way", [*WAYS, "edge with cooldown"])
def test_given_a_tick_that_was_interrupted_when_it_is_repeated_then_it_asks_for_the_same_runs(
    yard: Yard, tmp_path: Path, way: str, process: str, created: str
) -> None:
    what = schedule(**(fires_once(tmp_path / "flag") if way == "edge with cooldown" else WAYS[way]))
    yard.serve(what, since=at(6, 30))
    first = yard.evaluate(what, at(9))
    assert first.launches
    if created != "nothing":
        yard.create(what, first, "NOT_STARTED")
    if process == "new":
        yard.restart()
    again = yard.evaluate(what, at(9), at(9, 0, 21))
    assert (due(again), ids(again)) == (due(first), ids(first))
    yard.create(what, again)
    assert yard.evaluate(what, at(9, 1)).launches == ()


@pytest.mark.case("timing-X1")
@pytest.mark.parametrize("process", ["same", "new"])
def test_given_a_jittered_tick_that_was_interrupted_then_a_later_tick_asks_for_the_same_run(
    yard: Yard, process: str
) -> None:
    what = schedule(policies=Policies(jitter=dt.timedelta(minutes=20)), overlap=Overlap.ALLOW)
    begins = at(9) + jitter_delay("s", at(9), dt.timedelta(minutes=20))
    tick = begins.replace(second=0) + dt.timedelta(minutes=1)
    yard.serve(what, since=at(8, 30))
    yard.tick(what, at(9))
    first = yard.evaluate(what, tick)
    if process == "new":
        yard.restart()
    later = yard.evaluate(what, tick + dt.timedelta(minutes=1))
    assert (due(first), ids(first)) == (["09:00"], ids(later))


@pytest.mark.case("timing-X2-run-twice")
@pytest.mark.parametrize(
    "policies", [Policies(catch_up=CatchUp.ALL), Policies(jitter=dt.timedelta(seconds=1))]
)
def test_given_a_process_that_dies_right_after_a_tick_then_the_next_tick_runs_nothing_a_second_time(
    yard: Yard, policies: Policies
) -> None:
    what = schedule(timing=EverySpec.parse("1m"), policies=policies, overlap=Overlap.ALLOW)
    yard.serve(what, since=at(8, 59, 30))
    run: list[str] = []
    for minute in range(6):
        run += due(yard.tick(what, at(9, minute), at(9, minute, 1.5)))
        yard.restart()
    assert run == sorted(set(run))
    assert all(reason is None for _, outcome, reason in yard.rows() if outcome == "launched")


@pytest.mark.case("recovery-X-two-daemons")
def test_given_two_daemons_when_both_evaluate_a_tick_then_both_ask_for_one_run(yard: Yard) -> None:
    what = schedule(overlap=Overlap.ALLOW)
    yard.serve(what, since=at(8, 30))
    first = yard.evaluate(what, at(9))
    yard.evaluator = yard.process()
    assert ids(yard.evaluate(what, at(9))) == ids(first)


@pytest.mark.case("recovery-B04")
def test_given_a_run_that_was_created_and_never_queued_then_only_the_next_occurrence_waits_for_it(
    yard: Yard,
) -> None:
    what = schedule(timing=EverySpec.parse("1m"))
    yard.serve(what, since=at(8, 59, 30))
    first = yard.evaluate(what, at(9))
    yard.create(what, first, "NOT_STARTED")
    yard.restart()
    assert ids(yard.evaluate(what, at(9))) == ids(first)


@pytest.mark.case("timing-T16")
@pytest.mark.parametrize(
    "edited",
    [
        CronSpec(("5 20 * * *",), "UTC"),
        EverySpec.parse("1d", "UTC", at(20, 5)),
    ],
)
@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("grace", [None, dt.timedelta(minutes=1)])
def test_given_an_edit_at_20_08_from_20_03_to_20_05_then_nothing_runs_before_tomorrow(
    yard: Yard, edited: Any, catch_up: CatchUp, grace: dt.timedelta | None
) -> None:
    policies = Policies(catch_up=catch_up, misfire_grace=grace)
    before = schedule(timing=CronSpec(("3 20 * * *",), "UTC"), policies=policies)
    after = schedule(timing=edited, policies=policies)
    yard.serve(before, since=at(10))
    assert due(yard.tick(before, at(20, 3))) == ["20:03"]
    yard.serve(after, since=at(20, 8, 33))
    outcome = yard.tick(after, at(20, 5), at(20, 8, 43))
    assert (outcome.launches, outcome.reason[:41]) == ((), "not due: the rule is in force since 2026-")
    assert yard.rows() == [("20:03", "launched", None)]
    assert due(yard.tick(after, at(44, 5))) == ["20:05"]


@pytest.mark.case("timing-X3-timezone-edit")
@pytest.mark.parametrize("grace", [None, dt.timedelta(minutes=2)])
def test_given_a_new_zone_three_minutes_before_it_is_due_then_it_runs_and_nothing_of_the_old_zone(
    yard: Yard, grace: dt.timedelta | None
) -> None:
    policies = Policies(misfire_grace=grace)
    before = schedule(timing=CronSpec(("37 2 * * *",), "UTC"), policies=policies)
    after = schedule(timing=CronSpec(("37 2 * * *",), "Asia/Kolkata"), policies=policies)
    yard.serve(before, since=at(1))
    assert due(yard.tick(before, at(2, 37))) == ["02:37"]
    yard.serve(after, since=at(21, 3, 47))
    assert due(yard.tick(after, at(21, 7))) == ["21:07"]


def test_given_an_edit_of_another_schedule_then_nothing_of_this_one_is_lost(yard: Yard) -> None:
    mine, other = schedule(), schedule("other")
    yard.serve(mine, other, since=at(8, 30))
    yard.tick(mine, at(9))
    yard.serve(mine, schedule("other", EverySpec.parse("7m")), since=at(11, 30))
    assert due(yard.tick(mine, at(12))) == ["12:00"]
    assert [row[:2] for row in yard.rows()][1:3] == [("10:00", "collapsed"), ("11:00", "collapsed")]


def test_given_a_schedule_removed_and_added_again_then_it_counts_from_when_it_is_served_again(
    yard: Yard,
) -> None:
    mine = schedule(policies=Policies(catch_up=CatchUp.ALL, catch_up_window=dt.timedelta(hours=9)))
    yard.serve(mine, since=at(8, 30))
    yard.tick(mine, at(9))
    yard.serve(since=at(9, 30))
    yard.serve(mine, since=at(11, 30))
    assert due(yard.tick(mine, at(12))) == ["12:00"]
    assert [row[0] for row in yard.rows()] == ["09:00", "12:00"]


@pytest.mark.case("timing-X4-none-defer")
@pytest.mark.parametrize("held_by", ["jitter", "max_per_job", "max_global"])
def test_given_catch_up_none_when_processes_come_and_go_then_a_deferred_occurrence_waits_and_runs(
    yard: Yard, held_by: str
) -> None:
    jitter = dt.timedelta(minutes=2) if held_by == "jitter" else dt.timedelta(0)
    limits = {} if held_by == "jitter" else {held_by: 1}
    what = schedule(policies=Policies(catch_up=CatchUp.NONE, jitter=jitter), **limits)
    yard.serve(what, since=at(8, 30))
    if not jitter:
        yard.active = [KnownRun("r", "report", "other", None, Stage.RUNNING)]
    run: list[str] = []
    for minute in range(8):
        if minute == 5:
            yard.active = []
        run += due(yard.tick(what, at(9, minute), at(9, minute)))
        yard.restart()
    assert run == ["09:00"]


@pytest.mark.case("timing-X-history-missed")
@pytest.mark.case("recovery-X-defer-text")
def test_given_a_run_that_waited_then_it_says_for_how_long_and_not_that_something_was_missed(
    yard: Yard,
) -> None:
    what = schedule(max_per_job=1)
    yard.serve(what, since=at(8, 30))
    yard.active = [KnownRun("r", "report", "other", None, Stage.RUNNING)]
    held = yard.tick(what, at(9))
    assert held.reason == "1 of 1 runs are active (max_per_job); starts when there is room"
    yard.active = []
    (launch,) = yard.tick(what, at(9, 1)).launches
    assert tags.MISSED not in launch.tags
    assert yard.rows() == [("09:00", "launched", "waited")]


@pytest.mark.case("recovery-X-defer-text")
def test_given_an_occurrence_that_waits_when_the_next_takes_its_place_then_its_line_says_so(
    yard: Yard,
) -> None:
    what = schedule(max_per_job=1)
    yard.serve(what, since=at(8, 30))
    yard.active = [KnownRun("r", "report", "other", None, Stage.RUNNING)]
    yard.tick(what, at(9))
    assert "missed" not in yard.tick(what, at(10)).reason
    assert yard.rows() == [("09:00", "collapsed", "replaced"), ("10:00", "deferred", "limit")]


@pytest.mark.case("timing-T19")
@pytest.mark.case("recovery-X-jitter-period")
@pytest.mark.parametrize("jitter", [dt.timedelta(minutes=10), dt.timedelta(seconds=90)])
def test_given_a_jitter_as_long_as_the_step_then_each_occurrence_runs_after_its_own_delay(
    yard: Yard, jitter: dt.timedelta
) -> None:
    what = schedule(timing=EverySpec.parse("2m"), policies=Policies(jitter=jitter), overlap=Overlap.ALLOW)
    yard.serve(what, since=at(8, 59, 30))
    began: dict[str, dt.datetime] = {}
    for minute in range(36):
        for text in due(yard.tick(what, at(9, minute), at(9, minute))):
            assert text not in began
            began[text] = at(9, minute)
    for minute in range(0, 20, 2):
        occurrence = at(9, minute)
        begins = occurrence + jitter_delay("s", occurrence, jitter)
        assert begins <= began[f"09:{minute:02}"] < begins + dt.timedelta(minutes=1)


@pytest.mark.case("recovery-X-cooldown-ms")
def test_given_a_cooldown_that_is_a_multiple_of_the_step_then_milliseconds_do_not_count(
    yard: Yard, tmp_path: Path
) -> None:
    (tmp_path / "flag").touch()
    condition = Comparison(subject=f"file.exists:{tmp_path / 'flag'}", op=Operator.EQ, value=True)
    what = schedule(
        timing=EverySpec.parse("1m"),
        kind="conditional",
        when=condition,
        cooldown=dt.timedelta(minutes=2),
        overlap=Overlap.ALLOW,
    )
    yard.serve(what, since=at(8, 59, 30))
    run: list[str] = []
    for minute, late in ((0, 0.9), (1, 0.1), (2, 0.03), (3, 0.5), (4, 0.2)):
        run += due(yard.tick(what, at(9, minute), at(9, minute, late)))
    assert run == ["09:00", "09:02", "09:04"]


@pytest.mark.case("recovery-X2")
@pytest.mark.parametrize("hours", [-1, 0, 24])
@pytest.mark.parametrize("way", [*WAYS, "edge with cooldown", "cancel_running", "jitter"])
def test_given_dry_runs_of_past_and_future_ticks_then_nothing_is_written_and_real_ticks_are_as_without(
    yard: Yard, tmp_path: Path, way: str, hours: int
) -> None:
    ways = {
        **WAYS,
        "cancel_running": {"overlap": Overlap.CANCEL_RUNNING},
        "jitter": {"policies": Policies(jitter=dt.timedelta(seconds=30))},
    }
    what = schedule(**(fires_once(tmp_path / "flag") if way == "edge with cooldown" else ways[way]))
    yard.serve(what, since=at(7, 30))
    before = yard.everything()
    preview = yard.evaluate(what, at(9 + 3 * hours), at(9), dry_run=True)
    assert ids(preview) in ([], [None])
    assert yard.everything() == before
    tick, now = (at(9, 1), at(9, 1)) if way == "jitter" else (at(9), at(9, 0, 1))
    if way == "jitter":
        yard.tick(what, at(9), at(9))
    assert "09:00" in due(yard.tick(what, tick, now))

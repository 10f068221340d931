"""Ticks against a real database of pauses and handled occurrences, with time and runs given."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import (
    Comparison,
    Declarations,
    Fire,
    Operator,
    Overlap,
    Position,
    Schedule,
)
from scheduler_defs.declarations.models.settings.locations import Elsewhere
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.evaluation.facts.pauses import pause, read_pauses, resume
from scheduler_defs.evaluation.tick import Evaluator, TickOutcome
from scheduler_defs.execution.elsewhere.target import parse
from scheduler_defs.ledger.book import Book
from scheduler_defs.timing import CatchUp, CronSpec, Policies, jitter_delay

CREATED = sa.text(
    "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES (:id, :job, 'SUCCESS', '{}')"
    " ON CONFLICT DO NOTHING"
)
HOURLY = CronSpec(("0 * * * *",), "UTC")


def at(hour: int, minute: int = 0, second: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, 2, hour, minute, second, tzinfo=dt.UTC)


def schedule(name: str = "hourly", policies: Policies | None = None, **more: Any) -> Schedule:
    return Schedule(
        name=name,
        job="report",
        timing=HOURLY,
        kind="cron",
        spec="0 * * * *",
        timezone="UTC",
        source=Position(file="config/schedules.yaml", line=1, column=1),
        policies=policies or Policies(),
        **more,
    )


class Yard:
    """An evaluator over a real database. `active` are the instance's runs; what it launches ends at once."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.active: list[KnownRun] = []
        self.on_since: dict[str, dt.datetime] = {}
        self.seconds = 0.0
        self.restart()

    def restart(self) -> None:
        self.book = Book(lambda: self.engine)
        self.evaluator = Evaluator(
            ActiveRuns(lambda: list(self.active), clock=lambda: self.seconds),
            self.book,
            lambda: read_pauses(self.engine),
        )

    def tick(
        self, what: Schedule, when: dt.datetime, late: dt.timedelta = dt.timedelta(seconds=1)
    ) -> TickOutcome:
        self.seconds += 60
        outcome = self.evaluator.evaluate(Declarations(), what, when, when + late, lambda: self.on_since)
        with self.engine.begin() as connection:
            for launch in outcome.launches:
                connection.execute(CREATED, {"id": launch.run_id, "job": what.job})
        self.active += [
            KnownRun("ended", what.job, what.name, launch.tags[tags.SCHEDULED_FOR], Stage.ENDED)
            for launch in outcome.launches
        ]
        return outcome


@pytest.fixture
def yard(dagster_url: str) -> Iterator[Yard]:
    engine = sa.create_engine(dagster_url)
    yield Yard(engine)
    engine.dispose()


def due(outcome: TickOutcome) -> list[str]:
    return [launch.tags[tags.SCHEDULED_FOR] for launch in outcome.launches]


def test_a_due_tick_launches_one_run_with_a_key_for_its_occurrence(yard: Yard) -> None:
    (launch,) = yard.tick(schedule(), at(9)).launches
    assert launch.run_key == "schedule:hourly:2026-03-02T09:00:00+00:00"
    assert launch.tags[tags.TRIGGER] == "schedule"


def test_a_tick_that_is_no_occurrence_says_when_the_next_is(yard: Yard) -> None:
    outcome = yard.tick(schedule(), at(9, 30))
    assert (outcome.launches, outcome.reason) == ((), "not due; next at 2026-03-02T10:00+00:00")


def test_after_an_outage_the_latest_missed_occurrence_runs_and_says_what_it_stands_for(yard: Yard) -> None:
    yard.tick(schedule(overlap=Overlap.ALLOW), at(9))
    yard.restart()
    outcome = yard.tick(schedule(overlap=Overlap.ALLOW), at(14))
    assert due(outcome) == ["2026-03-02T14:00:00+00:00"]
    assert outcome.launches[0].tags[tags.MISSED] == "4 missed collapsed into the latest"


@pytest.mark.parametrize("again", [at(14), at(15)])
def test_given_a_tick_that_died_before_its_runs_when_they_are_asked_for_again_then_they_still_say_what_was_missed(
    yard: Yard, again: dt.datetime
) -> None:
    hourly = schedule(overlap=Overlap.ALLOW)
    yard.tick(hourly, at(9))
    soon = at(14) + dt.timedelta(seconds=1)
    yard.evaluator.evaluate(Declarations(), hourly, at(14), soon, lambda: yard.on_since)
    yard.restart()
    first, *others = yard.tick(hourly, again).launches
    assert first.tags[tags.SCHEDULED_FOR] == "2026-03-02T14:00:00+00:00"
    assert first.tags[tags.MISSED] == "4 missed collapsed into the latest"
    assert not [launch for launch in others if tags.MISSED in launch.tags]


def test_catch_up_all_runs_every_missed_occurrence_in_its_window(yard: Yard) -> None:
    policies = Policies(catch_up=CatchUp.ALL, catch_up_window=dt.timedelta(hours=2, minutes=30))
    yard.tick(schedule(policies=policies), at(9))
    outcome = yard.tick(schedule(policies=policies), at(14))
    assert [text[11:13] for text in due(outcome)] == ["12", "13", "14"]


def test_given_catch_up_backfill_after_an_outage_then_all_that_run_are_one_and_stay_so_when_asked_again(
    yard: Yard,
) -> None:
    policies = Policies(catch_up=CatchUp.BACKFILL, catch_up_window=dt.timedelta(hours=2, minutes=30))
    nightly = schedule(policies=policies, elsewhere=Elsewhere(location="ml", job="train"))
    yard.tick(nightly, at(9))
    first = [parse(launch.tags[tags.ELSEWHERE]) for launch in yard.tick(nightly, at(14)).launches]
    assert [str(each.due)[11:13] for each in first] == ["12", "13", "14"]
    assert {each.dues for each in first} == {tuple(each.due for each in first)}
    assert len({each.backfill for each in first}) == 1
    yard.restart()
    again = [parse(launch.tags[tags.ELSEWHERE]) for launch in yard.tick(nightly, at(14)).launches]
    assert again == first
    assert parse(yard.tick(nightly, at(15)).launches[0].tags[tags.ELSEWHERE]).backfill is None


@pytest.mark.parametrize("undo", ["switched off and on", "paused and resumed"])
def test_what_fell_due_while_nothing_was_to_run_is_not_missed(yard: Yard, undo: str) -> None:
    yard.tick(schedule(overlap=Overlap.ALLOW), at(9))
    if undo == "switched off and on":
        yard.on_since["hourly"] = at(13, 30)
    else:
        pause(yard.engine, "hourly", actor="ops", now=at(9, 30))
        resume(yard.engine, "hourly", now=at(13, 30))
    outcome = yard.tick(schedule(overlap=Overlap.ALLOW), at(14))
    assert (due(outcome), outcome.reason) == (["2026-03-02T14:00:00+00:00"], "")


def test_a_paused_schedule_says_why_and_resumes_by_itself(yard: Yard) -> None:
    pause(yard.engine, "hourly", actor="ops", now=at(8), reason="migration", until=at(10, 30))
    assert yard.tick(schedule(), at(9)).reason == "paused until 2026-03-02T10:30+00:00 by ops: migration"
    assert due(yard.tick(schedule(), at(11))) == ["2026-03-02T11:00:00+00:00"]


def test_a_redundant_pause_changes_nothing(yard: Yard) -> None:
    assert pause(yard.engine, "hourly", actor="ops", now=at(8), reason="x")
    assert not pause(yard.engine, "hourly", actor="someone", now=at(9), reason="x")
    assert read_pauses(yard.engine)["hourly"].since == at(8)


def test_resuming_what_is_not_paused_changes_nothing(yard: Yard) -> None:
    assert not resume(yard.engine, "hourly", now=at(9))


def test_fifty_schedules_due_at_once_do_not_pass_a_limit_of_three(yard: Yard) -> None:
    many = [schedule(f"s{i}", max_global=3) for i in range(50)]
    outcomes = [
        yard.evaluator.evaluate(Declarations(), each, at(9), at(9, 0, 1), lambda: yard.on_since)
        for each in many
    ]
    assert sum(len(outcome.launches) for outcome in outcomes) == 3
    assert outcomes[-1].reason == "3 of 3 runs are active (max_global); starts when there is room"


def test_an_occurrence_at_the_limit_is_tried_again_each_minute_until_its_grace_ends(yard: Yard) -> None:
    limited = schedule(max_global=1, policies=Policies(misfire_grace=dt.timedelta(minutes=10)))
    yard.active = [KnownRun("r", "other", None, None, Stage.RUNNING)]
    assert yard.tick(limited, at(9)).launches == ()
    assert yard.tick(limited, at(9, 1)).launches == ()
    yard.active = []
    assert due(yard.tick(limited, at(9, 2))) == ["2026-03-02T09:00:00+00:00"]
    assert yard.tick(limited, at(9, 3)).launches == ()


def test_an_occurrence_held_back_longer_than_its_grace_is_given_up(yard: Yard) -> None:
    limited = schedule(max_global=1, policies=Policies(misfire_grace=dt.timedelta(minutes=5)))
    yard.active = [KnownRun("r", "other", None, None, Stage.RUNNING)]
    yard.tick(limited, at(9))
    yard.active = []
    outcome = yard.tick(limited, at(9, 6))
    assert outcome.launches == ()
    assert "late" in outcome.reason


def test_a_granted_run_counts_until_it_is_seen_in_run_storage(yard: Yard) -> None:
    yard.tick(schedule(), at(9))
    yard.active = []
    assert "waiting" in yard.tick(schedule(), at(10)).reason


def test_a_granted_run_that_has_ended_before_it_was_looked_for_holds_nothing_back(yard: Yard) -> None:
    yard.tick(schedule(), at(9))
    assert due(yard.tick(schedule(), at(10))) == ["2026-03-02T10:00:00+00:00"]


def test_overlap_skip_leaves_out_the_occurrence_for_good(yard: Yard) -> None:
    yard.active = [KnownRun("r", "report", "hourly", at(8).isoformat(), Stage.RUNNING)]
    outcome = yard.tick(schedule(), at(9))
    assert "is still running (overlap: skip)" in outcome.reason
    yard.active = []
    assert due(yard.tick(schedule(), at(10))) == ["2026-03-02T10:00:00+00:00"]


def watching(path: Path, **more: Any) -> Schedule:
    return schedule(when=Comparison(subject=f"file.exists:{path}", op=Operator.EQ, value=True), **more)


def test_a_condition_that_does_not_hold_says_what_was_seen(yard: Yard, tmp_path: Path) -> None:
    outcome = yard.tick(watching(tmp_path / "flag"), at(9))
    assert outcome.launches == ()
    assert "file.exists" in outcome.reason
    assert "does not hold" in outcome.reason


def test_level_fires_at_every_check_that_holds_and_edge_only_when_it_becomes_true(
    yard: Yard, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    level, edge = watching(flag, name="level"), watching(flag, name="edge", fire=Fire.EDGE)
    assert [bool(yard.tick(level, at(hour)).launches) for hour in (9, 10)] == [True, True]
    assert [bool(yard.tick(edge, at(hour)).launches) for hour in (9, 10)] == [True, False]
    yard.restart()
    assert not yard.tick(edge, at(11)).launches
    flag.unlink()
    yard.tick(edge, at(12))
    flag.touch()
    assert yard.tick(edge, at(13)).launches


def test_an_edge_that_a_limit_forbids_is_not_lost(yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "flag").touch()
    edge = watching(tmp_path / "flag", fire=Fire.EDGE)
    yard.active = [KnownRun("r", "report", "hourly", at(8).isoformat(), Stage.RUNNING)]
    assert not yard.tick(edge, at(9)).launches
    yard.active = []
    assert yard.tick(edge, at(10)).launches


def test_a_condition_that_cannot_be_evaluated_is_an_error_not_a_no(yard: Yard) -> None:
    broken = schedule(when=Comparison(subject="load.average", op=Operator.GT, value="not a number"))
    first, second = yard.tick(broken, at(9)), yard.tick(broken, at(10))
    assert (first.launches, first.failed, second.failed) == ((), True, True)
    assert "2 times in a row" in second.reason


def test_jitter_delays_a_run_by_the_same_time_whenever_it_is_asked(yard: Yard) -> None:
    policies = Policies(jitter=dt.timedelta(minutes=20), catch_up=CatchUp.NONE)
    delay = jitter_delay("hourly", at(9), policies.jitter)
    assert dt.timedelta(minutes=1) < delay < dt.timedelta(minutes=20)
    jittered = schedule(policies=policies)
    launched = {}
    for minute in range(25):
        for due_text in due(yard.tick(jittered, at(9, minute), late=dt.timedelta())):
            launched[due_text] = at(9, minute)
    (when,) = launched.values()
    assert list(launched) == ["2026-03-02T09:00:00+00:00"]
    assert at(9) + delay <= when < at(9) + delay + dt.timedelta(minutes=1)


def test_given_a_grace_that_is_shorter_than_the_jitter_then_the_delay_is_not_too_late(yard: Yard) -> None:
    policies = Policies(jitter=dt.timedelta(minutes=20), misfire_grace=dt.timedelta(minutes=1))
    assert jitter_delay("hourly", at(9), policies.jitter) > dt.timedelta(minutes=1)
    jittered = schedule(policies=policies)
    ran = [
        each for minute in range(25) for each in due(yard.tick(jittered, at(9, minute), late=dt.timedelta()))
    ]
    assert ran == ["2026-03-02T09:00:00+00:00"]


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (
            CatchUp.ALL,
            ["2026-03-02T08:00:00+00:00", "2026-03-02T09:00:00+00:00", "2026-03-02T10:00:00+00:00"],
        ),
        (CatchUp.LATEST, ["2026-03-02T10:00:00+00:00"]),
    ],
)
def test_given_a_first_occurrence_that_nobody_could_look_at_when_the_next_comes_then_it_was_missed(
    yard: Yard, catch_up: CatchUp, expected: list[str]
) -> None:
    """The code server was away when a new schedule fell due for the first time: nothing is remembered yet."""
    new = schedule(policies=Policies(catch_up=catch_up, catch_up_window=dt.timedelta(hours=6)))
    yard.on_since["hourly"] = at(7, 30)
    outcome = yard.tick(new, at(10))
    assert due(outcome) == expected
    assert "2 missed" in outcome.reason
    assert due(yard.tick(new, at(11))) == ["2026-03-02T11:00:00+00:00"]


def test_given_a_first_tick_that_is_not_due_then_nothing_is_asked_again_about_the_time_before(
    yard: Yard,
) -> None:
    new = schedule(policies=Policies(catch_up=CatchUp.ALL))
    yard.on_since["hourly"] = at(7, 30)
    assert due(yard.tick(new, at(7, 40))) == []
    yard.on_since["hourly"] = at(7, 50)
    assert due(yard.tick(new, at(8))) == ["2026-03-02T08:00:00+00:00"]

"""`schedules run --instead`: the run by hand stands for an occurrence, which then does not run again."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.cli.schedules.run import to_anticipate
from scheduler_defs.declarations.models.declared import Declarations, Position, Schedule
from scheduler_defs.errors import SignalboxError
from scheduler_defs.evaluation.early_runs import early_runs_of, taking
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns
from scheduler_defs.evaluation.tick import Evaluator, TickOutcome
from scheduler_defs.ledger.book import Book
from scheduler_defs.timing import AtSpec, CatchUp, EverySpec, Policies, Spec

FIRST = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
SECOND = FIRST + dt.timedelta(days=1)
NEVER: dict[dt.datetime, str] = {}


def schedule(timing: Spec | None = None, **more: object) -> Schedule:
    return Schedule(  # type: ignore[arg-type]
        name="launches",
        job="report",
        timing=timing or AtSpec((FIRST, SECOND), "America/Chicago"),
        kind="at" if timing is None else "every",
        spec="at",
        timezone="America/Chicago",
        source=Position(file="config/schedules.yaml", line=1, column=1),
        policies=Policies(**more),  # type: ignore[arg-type]
    )


@pytest.fixture
def engine(dagster_url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(dagster_url)
    yield made
    made.dispose()


def launched(engine: sa.Engine, due: dt.datetime, *, trigger: str = "run_now", run_id: str = "hand") -> None:
    """What a launch leaves in run storage."""
    values = {tags.SCHEDULE: "launches", tags.TRIGGER: trigger, tags.SCHEDULED_FOR: due.isoformat()}
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES (:id, 'r', 'QUEUED', '')"
            ),
            {"id": run_id},
        )
        for key, value in values.items():
            connection.execute(
                sa.text("INSERT INTO run_tags (run_id, key, value) VALUES (:id, :key, :value)"),
                {"id": run_id, "key": key, "value": value},
            )


def tick(engine: sa.Engine, what: Schedule, when: dt.datetime) -> TickOutcome:
    evaluator = Evaluator(
        ActiveRuns(list, clock=lambda: 0.0),
        Book(lambda: engine),
        dict,
        lambda name: early_runs_of(engine, name),
    )
    return evaluator.evaluate(Declarations(), what, when, when + dt.timedelta(seconds=1), dict)


def test_given_a_run_by_hand_for_the_occurrence_when_it_is_due_then_it_does_not_run_again(
    engine: sa.Engine,
) -> None:
    launched(engine, FIRST.astimezone(dt.timezone(dt.timedelta(hours=-6))))
    outcome = tick(engine, schedule(), FIRST)
    assert outcome.launches == ()
    assert outcome.reason == "2026-03-02T03:00-06:00 was run before its time (run hand)"
    assert len(tick(engine, schedule(), SECOND).launches) == 1


@pytest.mark.parametrize("trigger", ["schedule", "retry"])
def test_given_another_run_for_the_occurrence_when_it_is_due_then_that_does_not_stand_for_it(
    engine: sa.Engine, trigger: str
) -> None:
    launched(engine, FIRST, trigger=trigger)
    assert len(tick(engine, schedule(), FIRST).launches) == 1


def test_given_an_outage_when_occurrences_are_caught_up_then_not_the_one_run_by_hand(
    engine: sa.Engine,
) -> None:
    what = schedule(catch_up=CatchUp.ALL, catch_up_window=dt.timedelta(days=9))
    tick(engine, what, FIRST - dt.timedelta(minutes=1))
    launched(engine, FIRST)
    (launch,) = tick(engine, what, SECOND).launches
    assert dt.datetime.fromisoformat(launch.tags[tags.SCHEDULED_FOR]) == SECOND


def test_given_a_launch_on_its_way_when_the_tick_looks_then_it_waits_for_it(engine: sa.Engine) -> None:
    found: list[TickOutcome] = []
    ticking = threading.Thread(target=lambda: found.append(tick(engine, schedule(), FIRST)))
    with taking(engine, "launches") as taken:
        assert taken == {}
        ticking.start()
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        with engine.connect() as connection:
            while not connection.execute(waiting).scalar():
                assert not found
        launched(engine, FIRST)
    ticking.join(timeout=30)
    assert found[0].launches == ()


def test_given_nothing_taken_then_a_run_stands_for_the_next_occurrence() -> None:
    assert to_anticipate(schedule(), FIRST - dt.timedelta(hours=1), NEVER) == FIRST
    assert to_anticipate(schedule(), FIRST - dt.timedelta(hours=1), {FIRST}) == SECOND


@pytest.mark.parametrize(
    ("what", "now", "message"),
    [
        (schedule(EverySpec.parse("10m")), FIRST, "--instead is for `at` schedules"),
        (schedule(), SECOND, "has no occurrence to come"),
        (schedule(), FIRST - dt.timedelta(seconds=4), "it runs by itself in a moment"),
    ],
)
def test_given_nothing_to_stand_for_then_one_line_says_so(
    what: Schedule, now: dt.datetime, message: str
) -> None:
    with pytest.raises(SignalboxError, match=message):
        to_anticipate(what, now, NEVER)

"""What waits for its start or for room: a time in the ledger, at which the daemon looks, and not before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.execution.dagster_patches import tick_times
from scheduler_defs.execution.dagster_patches.loops.waits import Waits
from scheduler_defs.ledger.lines import Wait, waiting
from scheduler_defs.timing import Policies, jitter_delay
from tests.cases.ticking import HOURLY, Yard, at, due, ids, schedule

DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def yard(dagster_url: str) -> Iterator[Yard]:
    engine = sa.create_engine(dagster_url)
    yield Yard(engine)
    engine.dispose()


class Away:
    """Whoever reads what waits, the time, and whether the database answers."""

    def __init__(self, **waits: Wait) -> None:
        self.waits = waits
        self.now = 1_000.0
        self.readings = 0
        self.answers = True

    def read(self) -> Mapping[str, Wait]:
        self.readings += 1
        if not self.answers:
            raise OSError("away")
        return dict(self.waits)

    def all(self) -> Waits:
        return Waits(self.read, lambda: self.now, lambda: self.now)


def test_given_a_database_that_does_not_answer_then_the_last_answer_counts() -> None:
    away = Away(a=Wait(1.0))
    waits = away.all()
    assert waits() == {"a": 1.0}
    away.now += 1
    away.waits = {}
    assert waits() == {"a": 1.0}  # read a second ago
    away.now += 9
    away.answers = False
    assert waits() == {"a": 1.0}
    away.now += 9
    away.answers = True
    assert waits() == {}


def test_given_a_start_that_is_to_come_then_it_is_due_at_its_time_and_once() -> None:
    away = Away(a=Wait(1_020.0), b=Wait(1_300.0))
    waits = away.all()
    waits.news()
    assert not waits.is_due()
    away.now = 1_019.9
    assert not waits.is_due()
    away.now = 1_020.0
    assert waits.is_due()
    assert not waits.is_due()
    assert away.readings == 1  # nothing is asked while nothing new is to be known


def test_given_room_under_a_limit_then_the_same_schedule_is_due_again() -> None:
    away = Away(a=Wait(900.0 + 300, refused=900.0))
    waits = away.all()
    waits.news()
    assert not waits.is_due()
    assert waits.for_room
    away.now, away.waits = 1_005.0, {"a": Wait(900.0, refused=900.0)}
    waits.news()
    assert waits.is_due()
    away.now, away.waits = 1_010.0, {"a": Wait(1_006.0 + 300, refused=1_006.0)}  # somebody was quicker
    waits.news()
    assert not waits.is_due()
    away.now, away.waits = 1_015.0, {"a": Wait(1_006.0, refused=1_006.0)}
    waits.news()
    assert waits.is_due()


def test_given_declarations_that_are_loaded_then_what_a_limit_refused_before_is_looked_at_once() -> None:
    away = Away(limited=Wait(1_300.0, refused=990.0), jittered=Wait(1_300.0))
    waits = away.all()
    assert waits() == {"limited": 1_300.0, "jittered": 1_300.0}
    waits.loaded()
    assert waits() == {"limited": 1_000.0, "jittered": 1_300.0}
    assert waits.is_due()
    away.now = 1_010.0
    away.waits["limited"] = Wait(1_301.0, refused=1_001.0)
    assert waits()["limited"] == 1_301.0


def test_given_a_jittered_occurrence_then_it_waits_until_its_start_and_then_no_more(yard: Yard) -> None:
    jitter = dt.timedelta(minutes=20)
    what = schedule(policies=Policies(jitter=jitter))
    yard.serve(what, since=at(8, 30))
    yard.tick(what, at(9))
    begins = at(9) + jitter_delay("s", at(9), jitter)
    assert waiting(yard.engine) == {"s": Wait(begins.timestamp())}
    assert due(yard.tick(what, begins, begins)) == ["09:00"]
    created(yard)
    assert waiting(yard.engine) == {}


def test_given_a_run_that_was_ordered_and_never_made_then_it_waits_for_an_hour(yard: Yard) -> None:
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    what = schedule(timing=HOURLY)
    yard.serve(what, since=now - DAY)
    yard.evaluate(what, now.replace(minute=0), now)
    assert waiting(yard.engine) == {"s": Wait(now.timestamp() + 30)}
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.occurrences SET decided_at = now() - interval '2 hours'")
        )
    assert waiting(yard.engine) == {}


def test_given_a_limit_then_so_many_want_to_be_looked_at_as_there_is_room_for(yard: Yard) -> None:
    names = ("first", "second", "third")
    yard.active = [KnownRun(f"r{n}", "report", "other", None, Stage.RUNNING) for n in range(2)]
    run(yard, "r0", "report")
    run(yard, "r1", "report")
    run(yard, "r2", "another job's")
    schedules = [schedule(name, max_per_job=2) for name in names]
    yard.serve(*schedules, since=at(8, 30))
    for hour, each in enumerate(schedules, 9):
        yard.tick(each, at(hour), at(12))
    refused = at(12).timestamp()
    assert waiting(yard.engine) == {name: Wait(refused + 300, refused) for name in names}
    ended(yard, "r2")
    assert waiting(yard.engine) == {name: Wait(refused + 300, refused) for name in names}
    ended(yard, "r1")
    assert waiting(yard.engine) == {
        "first": Wait(refused, refused),
        "second": Wait(refused + 60, refused),
        "third": Wait(refused + 60, refused),
    }


def test_given_a_limit_of_all_runs_then_runs_of_every_job_count_and_those_that_were_ordered(
    yard: Yard,
) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    run(yard, "r0", "another job's")
    yard.active = [KnownRun("r0", "another job's", "other", None, Stage.RUNNING)]
    ordered, held = schedule("ordered"), schedule("held", max_global=2)
    yard.serve(ordered, held, since=now - DAY)
    hour = now.replace(minute=0, second=0)
    outcome = yard.evaluate(ordered, hour, now)
    yard.active += [KnownRun(ids(outcome)[0], "report", "ordered", hour.isoformat(), Stage.WAITING)]
    yard.evaluate(held, hour, now)
    assert waiting(yard.engine)["held"] == Wait(now.timestamp() + 300, now.timestamp())
    ended(yard, "r0")
    assert waiting(yard.engine)["held"] == Wait(now.timestamp(), now.timestamp())


class Daemon:
    """Looks as Dagster does: from a second after its last tick on, at the newest of the ticks until now."""

    def __init__(self, yard: Yard, what: Schedule, last: dt.datetime) -> None:
        self.yard, self.what, self.last = yard, what, last
        self.ticks: list[dt.datetime] = []
        self.served: Any = SimpleNamespace(
            name=what.name,
            metadata={tags.DECLARED: SimpleNamespace(value=what.name)},
            cron_schedule="0 * * * *",
            execution_timezone="UTC",
        )

    def look(self, now: dt.datetime, *, dies: bool = False) -> list[str]:
        tick_times.looking.now = now.timestamp()
        known = {name: wait.since for name, wait in waiting(self.yard.engine).items()}
        begin = self.last.timestamp() + 1
        coming = tick_times._of_cron(self.served, begin)
        if self.what.name in known:
            coming = tick_times._with_waiting(coming, known[self.what.name], begin)
        found: list[dt.datetime] = []
        for each in coming:
            if each > now:
                break
            found.append(each.astimezone(dt.UTC))
        if not found:
            return []
        self.last = found[-1]
        self.ticks.append(found[-1])
        outcome = self.yard.evaluate(self.what, found[-1], now)
        if not dies:
            self.yard.create(self.what, outcome)
            created(self.yard)
        return due(outcome)


@pytest.fixture
def no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_times.looking, "now", None)


@pytest.mark.case("newcomer-X-timeline")
def test_given_a_daemon_that_dies_while_an_occurrence_waits_for_its_start_then_it_runs_once(
    yard: Yard, no_look: None
) -> None:
    hour = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    jitter = dt.timedelta(minutes=20)
    what = schedule(policies=Policies(jitter=jitter))
    yard.serve(what, since=hour - SECOND)
    begins = hour + jitter_delay("s", hour, jitter)
    first = Daemon(yard, what, hour - SECOND)
    assert first.look(hour + 0.5 * SECOND) == []
    yard.restart()
    second = Daemon(yard, what, first.last)  # began anew, and knows only the last tick and the ledger
    assert second.look(begins - SECOND) == []
    assert second.ticks == []
    assert second.look(begins + SECOND, dies=True) == [f"{hour:%H:%M}"]  # dies before its run is there
    third = Daemon(yard, what, second.last)
    assert third.look(begins + 10 * SECOND) == []
    assert third.look(begins + 40 * SECOND) == [f"{hour:%H:%M}"]
    assert third.look(begins + 400 * SECOND) == []
    with yard.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM runs")).scalar_one() == 1
    assert len(first.ticks + second.ticks + third.ticks) == 3


@pytest.mark.case("newcomer-X-timeline")
def test_given_a_daemon_that_dies_while_an_occurrence_waits_for_room_then_it_runs_once_when_there_is(
    yard: Yard, no_look: None
) -> None:
    run(yard, "r0", "report")
    yard.active = [KnownRun("r0", "report", "other", None, Stage.RUNNING)]
    what = schedule(max_per_job=1)
    yard.serve(what, since=at(8, 30))
    first = Daemon(yard, what, at(8, 59))
    assert first.look(at(9) + SECOND) == []
    for minute in range(1, 5):
        assert first.look(at(9, minute)) == []
    assert first.ticks == [at(9)]  # it waits, and nobody is asked
    yard.restart()
    second = Daemon(yard, what, first.last)
    assert second.look(at(9, 4) + SECOND) == []
    assert second.ticks == []
    ended(yard, "r0")
    yard.active = []
    assert second.look(at(9, 4) + 2 * SECOND) == ["09:00"]
    assert second.ticks == [at(9, 4) + 2 * SECOND]
    assert second.look(at(9, 30)) == []
    assert yard.rows() == [("09:00", "launched", "waited")]


def run(yard: Yard, run_id: str, job: str) -> None:
    """A run of the job goes on."""
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES (:id, :job, 'STARTED', '{}')"
            ),
            {"id": run_id, "job": job},
        )
        connection.execute(
            sa.text("INSERT INTO run_tags (run_id, key, value) VALUES (:id, :key, :job)"),
            {"id": run_id, "key": tags.JOB, "job": job},
        )


def ended(yard: Yard, run_id: str) -> None:
    with yard.engine.begin() as connection:
        connection.execute(sa.text("UPDATE runs SET status = 'SUCCESS' WHERE run_id = :id"), {"id": run_id})


def created(yard: Yard) -> None:
    """What was ordered is there."""
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.occurrences SET created_at = decided_at WHERE outcome = 'launched'")
        )

"""Two daemons, crashes at every step, edits and pauses in any order: each occurrence once, and all explained."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Declarations, Overlap, Position, Schedule
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.evaluation.facts.pauses import pause, read_pauses, resume
from scheduler_defs.evaluation.live import version_of
from scheduler_defs.evaluation.tick import Evaluator, TickOutcome
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.ledger.book import Book, Written
from scheduler_defs.ledger.entries import Decided
from scheduler_defs.ledger.versions import come_into_force
from scheduler_defs.timing import CatchUp, EverySpec, Policies

BEGIN = dt.datetime(2026, 3, 2, 9, 0, 30, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
TABLES = (
    "occurrences",
    "schedule_states",
    "schedule_rules",
    "declaration_versions",
    "schedule_changes",
    "pauses",
)
CREATE = sa.text(
    "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES (:id, 'report', 'NOT_STARTED', '{}')"
    " ON CONFLICT DO NOTHING"
)


class Killed(Exception):
    """The process died here."""


class MortalBook(Book):
    """A ledger whose process may die before it has written, or when it has and before it has answered."""

    dies = "never"

    def write(self, decided: Decided) -> Written:
        if self.dies == "before writing":
            raise Killed
        written = super().write(decided)
        if self.dies == "before answering":
            raise Killed
        return written


class Machine(RuleBasedStateMachine):
    """One schedule, two processes that evaluate its ticks, and a clock."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(f"TRUNCATE {', '.join(f'signalbox.{each}' for each in TABLES)}, runs CASCADE")
            )
        self.now = BEGIN
        self.ticked = BEGIN.replace(second=0)
        self.requested: dict[dt.datetime, str] = {}
        self.created: set[str] = set()
        self.what = self._schedule(2, CatchUp.LATEST, Overlap.ALLOW)
        self._serve()
        self.processes = [self._process(), self._process()]

    def _schedule(self, minutes: int, catch_up: CatchUp, overlap: Overlap, **more: Any) -> Schedule:
        return Schedule(
            name="s",
            job="report",
            timing=EverySpec.parse(f"{minutes}m"),
            kind="every",
            spec="every",
            timezone="UTC",
            source=Position(file="config/schedules.yaml", line=1, column=1),
            policies=Policies(catch_up=catch_up, **more),
            overlap=overlap,
        )

    def _serve(self) -> None:
        version = version_of(Declarations(schedules={"s": self.what}))
        come_into_force(self.engine, version, at=self.now, actor="test")

    def _process(self) -> Evaluator:
        book = MortalBook(lambda: self.engine)
        return Evaluator(
            ActiveRuns(self._active, clock=self._seconds), book, lambda: read_pauses(self.engine)
        )

    def _seconds(self) -> float:
        return self.now.timestamp()

    def _active(self) -> list[KnownRun]:
        with self.engine.connect() as connection:
            found = connection.execute(
                sa.text(
                    "SELECT r.run_id, o.due FROM runs r JOIN signalbox.occurrences o USING (run_id)"
                    " WHERE r.status = 'NOT_STARTED'"
                )
            )
            return [KnownRun(row.run_id, "report", "s", row.due.isoformat(), Stage.RUNNING) for row in found]

    @rule(minutes=st.integers(1, 5), seconds=st.integers(0, 59))
    def time_passes(self, minutes: int, seconds: int) -> None:
        self.now = self.now.replace(second=0) + minutes * MINUTE + dt.timedelta(seconds=seconds)

    @rule(
        process=st.integers(0, 1),
        dies=st.sampled_from(["never", "before writing", "before answering", "before creating", "half way"]),
        again=st.booleans(),
    )
    def a_daemon_ticks(self, process: int, dies: str, again: bool) -> None:
        """The newest tick, as Dagster does after an outage; or the last one once more."""
        tick = self.ticked if again else self.now.replace(second=0)
        if tick <= BEGIN:
            return
        self.ticked = max(self.ticked, tick)
        evaluator = self.processes[process]
        book = evaluator.book
        assert isinstance(book, MortalBook)
        book.dies = dies
        try:
            outcome = evaluator.evaluate(Declarations(), self.what, tick, self.now, dict)
        except Killed:
            self.processes[process] = self._process()
            return
        finally:
            book.dies = "never"
        self._launch(outcome, dies)
        if dies != "never":
            self.processes[process] = self._process()

    def _launch(self, outcome: TickOutcome, dies: str) -> None:
        for number, launch in enumerate(outcome.launches):
            due = dt.datetime.fromisoformat(launch.tags[tags.SCHEDULED_FOR])
            assert launch.run_id is not None
            assert self.requested.setdefault(due, launch.run_id) == launch.run_id, "a second run"
            if dies == "before creating" or (dies == "half way" and number):
                continue
            with self.engine.begin() as connection:
                connection.execute(CREATE, {"id": launch.run_id})
            self.created.add(launch.run_id)

    @rule(process=st.integers(0, 1))
    def somebody_previews(self, process: int) -> None:
        self.processes[process].evaluate(
            Declarations(), self.what, self.now.replace(second=0), self.now, dict, dry_run=True
        )

    @rule()
    def runs_end(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text("UPDATE runs SET status = 'SUCCESS'"))

    @rule(
        minutes=st.integers(1, 3),
        catch_up=st.sampled_from(CatchUp),
        overlap=st.sampled_from([Overlap.ALLOW, Overlap.SKIP, Overlap.QUEUE]),
        jitter=st.sampled_from([0, 90]),
        grace=st.sampled_from([None, 3]),
    )
    def somebody_edits(
        self, minutes: int, catch_up: CatchUp, overlap: Overlap, jitter: int, grace: int | None
    ) -> None:
        self.now += dt.timedelta(milliseconds=1)
        self.what = self._schedule(
            minutes,
            catch_up,
            overlap,
            jitter=dt.timedelta(seconds=jitter),
            misfire_grace=None if grace is None else grace * MINUTE,
        )
        self._serve()

    @rule()
    def somebody_pauses(self) -> None:
        pause(self.engine, "s", actor="test", now=self.now)

    @rule()
    def somebody_resumes(self) -> None:
        resume(self.engine, "s", now=self.now)

    @precondition(lambda self: self.requested)
    @invariant()
    def every_ordered_run_is_the_ledgers(self) -> None:
        with self.engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT due, run_id FROM signalbox.occurrences WHERE run_id IS NOT NULL")
            )
            ordered = {row.due: row.run_id for row in rows}
        assert {due: ordered.get(due) for due in self.requested} == self.requested

    def teardown(self) -> None:
        """All is well again: after a few more ticks nothing is lost, doubled or unexplained."""
        for _ in range(4):
            self.now = self.now.replace(second=0) + 2 * MINUTE
            tick = self.now
            self.ticked = tick
            outcome = self.processes[0].evaluate(Declarations(), self.what, tick, self.now, dict)
            self._launch(outcome, "never")
            self.runs_end()
        found = replay(self.engine, BEGIN, self.now, self.now)
        assert found.ok, found.proof.problems
        assert set(self.requested.values()) == self.created


@pytest.fixture
def engine(dagster_url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(dagster_url)
    yield made
    made.dispose()


def test_whatever_happens_each_occurrence_runs_once_at_most_and_is_explained(engine: sa.Engine) -> None:
    class OverThisDatabase(Machine):
        pass

    OverThisDatabase.engine = engine
    run_state_machine_as_test(
        OverThisDatabase,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Ticks over a real database: the ledger, the runs that it ordered, and what a crash leaves of both."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Declarations, Position, Schedule
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.evaluation.facts.pauses import read_pauses
from scheduler_defs.evaluation.live import version_of
from scheduler_defs.evaluation.tick import Evaluator, TickOutcome
from scheduler_defs.ledger.book import Book
from scheduler_defs.ledger.versions import come_into_force
from scheduler_defs.timing import CronSpec, EverySpec, Policies, Spec

CREATE = sa.text(
    "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES (:id, :job, :status, '{}')"
    " ON CONFLICT DO NOTHING"
)
HOURLY = CronSpec(("0 * * * *",), "UTC")


def at(hour: int, minute: int = 0, second: float = 0) -> dt.datetime:
    """A time of the day on which everything happens."""
    return dt.datetime(2026, 3, 2, tzinfo=dt.UTC) + dt.timedelta(hours=hour, minutes=minute, seconds=second)


def schedule(
    name: str = "s", timing: Spec = HOURLY, policies: Policies | None = None, **more: Any
) -> Schedule:
    kind = "every" if isinstance(timing, EverySpec) else "cron"
    return Schedule(
        name=name,
        job="report",
        timing=timing,
        kind=more.pop("kind", kind),
        spec="rule",
        timezone=timing.timezone,
        source=Position(file="config/schedules.yaml", line=1, column=1),
        policies=policies or Policies(),
        **more,
    )


class Yard:
    """An evaluator whose processes can die. `active` are runs of others; ordered runs are made by `create`."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.active: list[KnownRun] = []
        self.seconds = 0.0
        self.restart()

    def restart(self) -> None:
        """The code server's process is a new one."""
        self.evaluator = self.process()

    def process(self) -> Evaluator:
        """A process that evaluates ticks over this database."""
        return Evaluator(
            ActiveRuns(lambda: list(self.active), clock=lambda: self.seconds),
            Book(lambda: self.engine),
            lambda: read_pauses(self.engine),
        )

    def serve(self, *schedules: Schedule, since: dt.datetime) -> None:
        """These schedules, and no others, are in force from then on."""
        declarations = Declarations(schedules={each.name: each for each in schedules})
        come_into_force(self.engine, version_of(declarations), at=since, actor="test")

    def evaluate(
        self, what: Schedule, tick: dt.datetime, now: dt.datetime | None = None, *, dry_run: bool = False
    ) -> TickOutcome:
        """Evaluate a tick, and nothing else: as if the daemon died right after it."""
        self.seconds += 60
        moment = now or tick + dt.timedelta(seconds=1)
        return self.evaluator.evaluate(Declarations(), what, tick, moment, dict, dry_run=dry_run)

    def tick(self, what: Schedule, tick: dt.datetime, now: dt.datetime | None = None) -> TickOutcome:
        """Evaluate a tick and create its runs, which end at once."""
        outcome = self.evaluate(what, tick, now)
        self.create(what, outcome)
        return outcome

    def create(self, what: Schedule, outcome: TickOutcome, status: str = "SUCCESS") -> None:
        """What the daemon does with a tick's launches."""
        with self.engine.begin() as connection:
            for launch in outcome.launches:
                values = {"id": launch.run_id, "job": what.job, "status": status}
                connection.execute(CREATE, values)
        if status == "NOT_STARTED":
            self.active += [
                KnownRun(each.run_id, what.job, what.name, each.tags[tags.SCHEDULED_FOR], Stage.WAITING)
                for each in outcome.launches
            ]
        else:
            self.active += [
                KnownRun(each.run_id, what.job, what.name, each.tags[tags.SCHEDULED_FOR], Stage.ENDED)
                for each in outcome.launches
            ]

    def rows(self, what: str = "s") -> list[tuple[str, str, str | None]]:
        """The ledger: time of day, outcome and reason's code of each occurrence."""
        query = sa.text(
            "SELECT due, outcome, reason FROM signalbox.occurrences WHERE schedule = :name ORDER BY due"
        )
        with self.engine.connect() as connection:
            return [
                (row.due.astimezone(dt.UTC).strftime("%H:%M"), row.outcome, row.reason)
                for row in connection.execute(query, {"name": what})
            ]

    def everything(self) -> list[Any]:
        """All that ticks may write."""
        found: list[Any] = []
        with self.engine.connect() as connection:
            for table in ("occurrences", "schedule_states", "schedule_rules", "declaration_versions"):
                found += connection.execute(sa.text(f"SELECT * FROM signalbox.{table} ORDER BY 1, 2")).all()
        return found


def due(outcome: TickOutcome) -> list[str]:
    """Time of day of the occurrences that an outcome launches."""
    return [
        dt.datetime.fromisoformat(each.tags[tags.SCHEDULED_FOR]).astimezone(dt.UTC).strftime("%H:%M")
        for each in outcome.launches
    ]


def ids(outcome: TickOutcome) -> list[str | None]:
    """The run ids that the ledger has given to an outcome's launches."""
    return [each.run_id for each in outcome.launches]

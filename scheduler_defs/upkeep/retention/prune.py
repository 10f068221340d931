"""One pass over everything that is kept: what is old goes, in small batches; what went is written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool import pruning as work
from scheduler_defs.agents.task_queue.postgres import pruning as tasks
from scheduler_defs.agents.usage import records
from scheduler_defs.audit import pruning as audit
from scheduler_defs.audit.entries import Action, Entry
from scheduler_defs.audit.signing import signing_key
from scheduler_defs.audit.store import record
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.database.pacing import Pace
from scheduler_defs.declarations.models.settings.retention import Retention
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.pruning import rows, runs, snapshots
from scheduler_defs.ledger import pruning as ledger
from scheduler_defs.settings import Settings
from scheduler_defs.upkeep.retention.files import Freed, old_folders

statement = NamedSql(Path(__file__).parent)
_TAGS_OF_A_RUN = 12


@dataclass
class Pruned:
    """What a pass has dropped, or would drop."""

    runs: int = 0
    events: int = 0
    artifacts: int = 0
    """Files: artifacts, outputs between steps, and what runs printed."""
    bytes: int = 0
    """Of files as they were; of rows by what a row takes on average. Postgres uses that room again."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Runs that were due to go and stay, by reason."""
    others: dict[str, int] = field(default_factory=dict)
    """Rows of other kinds."""
    longest_lock_seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """As the command's contract has it."""
        return {
            "runs": self.runs,
            "events": self.events,
            "artifacts": self.artifacts,
            "bytes": self.bytes,
            "kept": dict(self.kept),
            **self.others,
        }


def prune(
    engine: sa.Engine, retention: Retention, place: Settings, now: dt.datetime, *, dry_run: bool = False
) -> Pruned:
    """Drop what is older than it is kept. Two at once are refused; killed in the middle, the next goes on."""
    with _alone(engine, dry_run=dry_run):
        found = Pruned()
        freed = Freed()
        sizes = runs.row_bytes(engine)
        pace = Pace(engine)
        last = _runs(pace, retention, place, now, found, freed, dry_run=dry_run)
        _files(engine, retention, place, now, last, freed, dry_run=dry_run)
        _rows(pace, retention, place, now, found, dry_run=dry_run)
        found.longest_lock_seconds = pace.longest_seconds
        found.artifacts = freed.files
        of_rows = (
            found.runs * (sizes["runs"] + _TAGS_OF_A_RUN * sizes["run_tags"])
            + found.events * sizes["event_logs"]
            + found.others["ticks"] * sizes["job_ticks"]
        )
        found.bytes = freed.bytes + round(of_rows)
        if not dry_run:
            with engine.begin() as connection:
                connection.execute(statement("note_pruned"), {"now": now})
                record(connection, Entry(Action.PRUNED, "retention:all", after=found.document()))
    return found


def is_due(engine: sa.Engine, every: dt.timedelta, now: dt.datetime) -> bool:
    """Whether the last pass was so long ago, and there is something that could be old by now."""
    with engine.connect() as connection:
        row = connection.execute(statement("last_pruned")).one()
    since = row.pruned or row.first
    return since is not None and now - since >= every


def _runs(
    pace: Pace,
    retention: Retention,
    place: Settings,
    now: dt.datetime,
    found: Pruned,
    freed: Freed,
    *,
    dry_run: bool,
) -> frozenset[str]:
    sifted = runs.Sifted()
    deleting = runs.Deleting(pace)
    engine = pace.engine

    def keeps(job: str, schedule: str | None, status: str) -> tuple[dt.timedelta, int]:
        keep = retention.of(job, schedule, status)
        return keep.age, keep.most

    for old in runs.old_runs(engine, keeps, retention.run_keys, now, sifted):
        if dry_run:
            found.runs += len(old.ids)
            found.events += runs.count_events(engine, old.ids, now - retention.events)
            gone = iter([list(old.ids)])
        else:
            gone = deleting.delete(old.ids)
        for ids in gone:
            found.runs += 0 if dry_run else len(ids)
            for run_id in ids:
                for root in _roots(place):
                    freed.remove(root / run_id, dry_run=dry_run)
    found.events += deleting.events
    found.kept = dict(sorted(sifted.kept.items()))
    return sifted.last


def _files(
    engine: sa.Engine,
    retention: Retention,
    place: Settings,
    now: dt.datetime,
    keep: frozenset[str],
    freed: Freed,
    *,
    dry_run: bool,
) -> None:
    artifacts, outputs, printed = _roots(place)
    ages = (
        (artifacts, retention.artifacts),
        (outputs, retention.artifacts),
        (printed, retention.compute_logs),
    )
    for root, age in ages:
        for folder in old_folders(root, age, partial(runs.ended_since, engine), keep, now):
            freed.remove(folder, dry_run=dry_run)


def _rows(
    pace: Pace,
    retention: Retention,
    place: Settings,
    now: dt.datetime,
    found: Pruned,
    *,
    dry_run: bool,
) -> None:
    found.events += rows.prune_lines(pace, now - retention.events, dry_run=dry_run)
    found.others["ticks"] = rows.prune_ticks(pace, now - retention.ticks, dry_run=dry_run)
    found.others["snapshots"] = snapshots.prune(pace, now, dry_run=dry_run)
    if not dry_run:
        rows.prune_checks(pace, now - retention.runs.age)
        with pace.engine.begin() as connection:
            # Each pass of a queue forgets them as well: there are never many.
            found.others["assignments"] = assignments.forget(connection, now - retention.assignments)
            found.others["turns"] = records.forget(connection, now - retention.assignments)
    found.others |= work.prune(pace, now - retention.assignments, dry_run=dry_run)
    found.others["tasks"] = tasks.prune(pace, now - retention.tasks, dry_run=dry_run)
    found.others["occurrences"] = ledger.prune(pace, now - retention.ledger, dry_run=dry_run)
    key = signing_key(place.state / "audit")
    found.others["audit"] = audit.prune(pace, key, now - retention.audit, now, dry_run=dry_run)


def _roots(place: Settings) -> tuple[Path, Path, Path]:
    return place.artifacts, place.state / "dagster" / "storage", place.state / "compute_logs"


@contextmanager
def _alone(engine: sa.Engine, *, dry_run: bool) -> Iterator[None]:
    """One pass at a time, by a lock of the session: it is gone with a pass that was killed."""
    if dry_run:
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(statement("lock")).scalar_one():
            raise SignalboxError("another prune is at work; wait for its end")
        try:
            yield
        finally:
            connection.execute(statement("unlock"))

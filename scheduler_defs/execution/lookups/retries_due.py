"""Failed runs whose next attempt is due: read from their tags, which were written with the failure itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from dagster import RunsFilter

from scheduler_defs import tags

if TYPE_CHECKING:  # importing it would cost every load of the code location a third of a second
    from dagster._core.storage.runs import RunStorage

# Instants are all UTC in one format, so they sort as text. A run that has been followed by another (by a
# retry, or by hand in the UI) is not followed again.
PENDING = sa.text(
    """
    SELECT waiting.run_id, waiting.value AS retry_at
    FROM run_tags AS waiting JOIN runs USING (run_id)
    WHERE waiting.key = 'signalbox/retry_at' AND waiting.value COLLATE "C" BETWEEN :since AND '9'
      AND runs.status = 'FAILURE'
      AND NOT EXISTS (
        SELECT FROM run_tags AS child
        WHERE child.key = 'dagster/parent_run_id' AND child.value = waiting.run_id
      )
    ORDER BY waiting.value COLLATE "C"
    """
)
# A run whose lease still lives has a process that has not ended yet.
LEASED = sa.text("SELECT DISTINCT run_id FROM signalbox.leases WHERE run_id = ANY(:run_ids) AND lost IS NULL")


@dataclass(frozen=True)
class PendingRetry:
    """A failed run, and when its next attempt is due."""

    run_id: str
    retry_at: dt.datetime


def pending(connection: sa.Connection, since: dt.datetime) -> list[PendingRetry]:
    """Retries that wait, those due first. `since`: the instant before which none is waiting any more."""
    rows = connection.execute(PENDING, {"since": instant(since)})
    return [PendingRetry(row.run_id, dt.datetime.fromisoformat(row.retry_at)) for row in rows]


def still_held(connection: sa.Connection, run_ids: list[str]) -> set[str]:
    """Those of the runs whose processes have not ended yet."""
    return set(connection.execute(LEASED, {"run_ids": run_ids}).scalars()) if run_ids else set()


def cancel_retry(runs: RunStorage, run_id: str) -> bool:
    """Call off the retry of a failed run. False when none was waiting, or when it was launched already."""
    found = runs.get_runs(RunsFilter(run_ids=[run_id]))
    if not found or found[0].tags.get(tags.RETRY_AT, tags.RETRY_CANCELLED) == tags.RETRY_CANCELLED:
        return False
    if runs.get_runs(RunsFilter(tags={tags.DAGSTER_PARENT_RUN: run_id}), limit=1):
        return False
    runs.add_run_tags(run_id, {tags.RETRY_AT: tags.RETRY_CANCELLED})
    return True


def runs_of(url: str) -> RunStorage:
    """The run storage behind a database URL, for commands that have no Dagster instance."""
    from scheduler_defs.execution.storage.runs import PooledRunStorage

    return PooledRunStorage(url, should_autocreate_tables=False)


def instant(when: dt.datetime) -> str:
    """As in the tag: ISO 8601 in UTC with milliseconds."""
    return when.astimezone(dt.UTC).isoformat(timespec="milliseconds")

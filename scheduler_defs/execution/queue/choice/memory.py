"""The waiting runs, remembered between looks: thousands of them cost a look little while little changes.

A look asks for the number of waiting runs, the newest and the last one written to. Only when these are not
what is remembered are runs read: those written since, and if that does not explain it, all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from scheduler_defs.execution.queue.choice.select import QueuedRun

if TYPE_CHECKING:
    from dagster._core.storage.dagster_run import RunOpConcurrency

# Runs that people must agree to first do not count as waiting for a slot.
STAMP = sa.text(
    """
    SELECT count(*) AS number, coalesce(max(id), 0) AS newest,
           coalesce(extract(epoch FROM max(update_timestamp))::float8, 0) AS last_written
    FROM runs
    WHERE status = 'QUEUED'
      AND NOT EXISTS (SELECT FROM signalbox.held_runs WHERE held_runs.run_id = runs.run_id)
    """
)
# A run is written to when it is queued, and whenever its tags change; seldom otherwise while it waits.
WAITING = sa.text(
    """
    SELECT id, run_id, extract(epoch FROM create_timestamp)::float8 AS created,
           extract(epoch FROM update_timestamp)::float8 AS written
    FROM runs
    WHERE status = 'QUEUED'
      AND NOT EXISTS (SELECT FROM signalbox.held_runs WHERE held_runs.run_id = runs.run_id)
      AND update_timestamp >= timestamp 'epoch' + make_interval(secs => :since)
    """
)
TAGS = sa.text("SELECT run_id, key, value FROM run_tags WHERE run_id = ANY(:run_ids) AND key = ANY(:keys)")
# The part of the body that says which of Dagster's pools the run needs; most runs need none.
POOLS = sa.text(
    """
    SELECT run_id, (run_body::json -> 'run_op_concurrency')::text AS pools
    FROM runs
    WHERE run_id = ANY(:run_ids) AND run_body LIKE '%"RunOpConcurrency"%'
    """
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """By this a queue is recognised as unchanged. Written: seconds since the epoch, by the writer's clock."""

    number: int
    newest: int
    last_written: float


@dataclass(frozen=True, slots=True)
class Marks:
    """What decides about a run: its tags, as far as they matter, and its pools."""

    tags: dict[str, str]
    pools: RunOpConcurrency | None = None


class WaitingRuns:
    """The queued runs as they were at the last look. `keys`: the tags that matter, and are read."""

    def __init__(self, keys: frozenset[str]) -> None:
        self.keys = keys
        self._runs: dict[str, QueuedRun] = {}
        self._written: dict[str, float] = {}

    def look(self, connection: sa.Connection, *, thoroughly: bool = False) -> Sequence[QueuedRun]:
        """The queued runs now. `thoroughly` reads all of them, whatever is remembered."""
        row = connection.execute(STAMP).one()
        there = Stamp(row.number, row.newest, row.last_written)
        if there.number == 0:
            self.forget(list(self._runs))
        elif thoroughly:
            self._read(connection, 0.0)
        elif there != self._stamp():
            self._read(connection, self._stamp().last_written)
            if self._stamp() != there:
                self._read(connection, 0.0)
        return list(self._runs.values())

    def forget(self, run_ids: Iterable[str]) -> None:
        """These runs have left the queue."""
        for run_id in run_ids:
            self._runs.pop(run_id, None)
            self._written.pop(run_id, None)

    def marks(self, run_id: str) -> Marks | None:
        """What is remembered of a run that is or was just waiting."""
        run = self._runs.get(run_id)
        return None if run is None else Marks(dict(run.tags), run.pools)

    def _stamp(self) -> Stamp:
        return Stamp(
            len(self._runs),
            max((run.order for run in self._runs.values()), default=0),
            max(self._written.values(), default=0.0),
        )

    def _read(self, connection: sa.Connection, since: float) -> None:
        """Runs written at or after `since`; 0 is from the beginning, and forgets all others."""
        rows = connection.execute(WAITING, {"since": since}).all()
        if not since:
            there = {row.run_id for row in rows}
            self.forget([run_id for run_id in self._runs if run_id not in there])
        changed = [row for row in rows if self._written.get(row.run_id) != row.written]
        marks = read_marks(connection, [row.run_id for row in changed], self.keys)
        for row in changed:
            found = marks[row.run_id]
            self._runs[row.run_id] = QueuedRun(row.run_id, row.id, row.created, found.tags, found.pools)
            self._written[row.run_id] = row.written


def read_marks(connection: sa.Connection, run_ids: Sequence[str], keys: frozenset[str]) -> dict[str, Marks]:
    """What decides about these runs, by run id."""
    if not run_ids:
        return {}
    found = {run_id: Marks({}) for run_id in run_ids}
    for row in connection.execute(TAGS, {"run_ids": list(run_ids), "keys": list(keys)}):
        found[row.run_id].tags[row.key] = row.value
    for row in connection.execute(POOLS, {"run_ids": list(run_ids)}):
        found[row.run_id] = Marks(found[row.run_id].tags, _pools(row.pools))
    return found


def _pools(body: str) -> RunOpConcurrency:
    # Imported here: `signalbox limits` reads the queue, too, and should not wait for Dagster's import.
    from dagster._core.storage.dagster_run import RunOpConcurrency
    from dagster_shared.serdes import deserialize_value

    return deserialize_value(body, RunOpConcurrency)

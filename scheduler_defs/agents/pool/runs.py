"""Runs as an agent queue needs to know them: is the run of this assignment still going to work on it?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scheduler_defs import tags
from scheduler_defs.agents.deciding.healing import RunState

if TYPE_CHECKING:
    import dagster as dg
    import sqlalchemy as sa

RUN_KEY = "dagster/run_key"
"""Dagster's own tag for the key of a run that a sensor has asked for."""

UNFINISHED = ("NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING")
_FINAL = {"SUCCESS": RunState.SUCCEEDED, "FAILURE": RunState.FAILED, "CANCELED": RunState.CANCELED}


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run's state; `failure` is why it failed (the tag `signalbox/failure`)."""

    run_id: str
    state: RunState
    failure: str | None = None


class Runs(Protocol):
    """Where runs are looked up. A run that is not in the answer does not exist."""

    def by_id(self, run_ids: Collection[str]) -> Mapping[str, SeenRun]:
        """The runs with these ids, by id."""
        ...

    def by_key(self, run_keys: Collection[str], since: dt.datetime) -> Mapping[str, SeenRun]:
        """The newest run since then for each of these run keys, by key.

        Older ones were for requests that are forgotten by now, whose keys may be used again.
        """
        ...


class InstanceRuns:
    """Runs in the storage of a Dagster instance."""

    def __init__(self, instance: dg.DagsterInstance, engine: sa.Engine | None = None) -> None:
        """`engine`: of our own tables, whose leases say which run's processes are still there."""
        self._instance = instance
        self._engine = engine

    def by_id(self, run_ids: Collection[str]) -> Mapping[str, SeenRun]:
        """As `Runs.by_id`. Of unfinished runs, the usual case, only ids are read."""
        if not run_ids:
            return {}
        import dagster as dg

        statuses = [dg.DagsterRunStatus(status) for status in UNFINISHED]
        unfinished = self._instance.get_run_ids(
            dg.RunsFilter(run_ids=list(run_ids), statuses=statuses), limit=len(run_ids)
        )
        seen = {run_id: SeenRun(run_id, RunState.UNFINISHED) for run_id in unfinished}
        rest = [run_id for run_id in run_ids if run_id not in seen]
        if rest:
            for run in self._instance.get_runs(dg.RunsFilter(run_ids=rest)):
                seen[run.run_id] = seen_run(run.run_id, run.status.value, run.tags)
            # A run that was deleted, or cancelled, works on the task until its processes are gone.
            for run_id in self._held(rest):
                seen[run_id] = SeenRun(run_id, RunState.UNFINISHED)
        return seen

    def _held(self, run_ids: Sequence[str]) -> set[str]:
        if self._engine is None:
            return set()
        from scheduler_defs.execution.lookups.retries_due import still_held

        with self._engine.connect() as connection:
            return still_held(connection, list(run_ids))

    def by_key(self, run_keys: Collection[str], since: dt.datetime) -> Mapping[str, SeenRun]:
        """As `Runs.by_key`."""
        if not run_keys:
            return {}
        import dagster as dg

        wanted = dg.RunsFilter(tags={RUN_KEY: list(run_keys)}, created_after=since)
        runs: Sequence[dg.DagsterRun] = self._instance.get_runs(wanted)
        newest_last = reversed(runs)
        return {run.tags[RUN_KEY]: seen_run(run.run_id, run.status.value, run.tags) for run in newest_last}


def seen_run(run_id: str, status: str, run_tags: Mapping[str, str]) -> SeenRun:
    """From what Dagster says of a run."""
    return SeenRun(run_id, _FINAL.get(status, RunState.UNFINISHED), run_tags.get(tags.FAILURE))

"""Runs on their way into the queue: completed if they were not, and queued if whoever made them has died."""

from __future__ import annotations

import logging

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus

from scheduler_defs.execution.admission.completing import faults, missing
from scheduler_defs.execution.audit_entries import record_launch

logger = logging.getLogger("dagster.daemon.SignalboxQueueDaemon")

ABANDONED_SECONDS = 5.0
"""A run that was made and not queued for so long has nobody who is about to do it: it takes milliseconds."""
MOST_AT_ONCE = 100

# Made for this queue by a daemon or a webserver: `dagster job execute` makes runs that nobody is to queue.
ABANDONED = sa.text(
    """
    SELECT run_id FROM runs
    WHERE status = 'NOT_STARTED'
      AND create_timestamp < (now() AT TIME ZONE 'UTC') - make_interval(secs => :seconds)
      AND run_id <> ALL(:passed_over)
    ORDER BY id LIMIT :most
    """
)


def admit(instance: dg.DagsterInstance, run: DagsterRun) -> DagsterRun:
    """The run with all that it must carry. What it lacks is written; it lacks nothing if it passed
    `add_run`."""
    if not missing(run.tags):
        return run
    from scheduler_defs.execution.storage.runs import PooledRunStorage

    storage = instance.run_storage
    if not isinstance(storage, PooledRunStorage):
        return run
    completed = storage.completed(run)
    instance.add_run_tags(run.run_id, dict(completed.tags))
    return run.with_tags({**run.tags, **completed.tags})


def note_faults(instance: dg.DagsterInstance, run: DagsterRun) -> None:
    """Say in the run's events which of its tags are ignored, because their values are no numbers."""
    for fault in faults(run.tags):
        instance.report_engine_event(f"Ignored: {fault}.", run)


class Abandoned:
    """Finds runs that were created and never queued: whoever was about to, or the database, went away."""

    def __init__(self) -> None:
        self._not_ours: set[str] = set()

    def queue(self, instance: dg.DagsterInstance, connection: sa.Connection) -> list[str]:
        """Queue them; returns their ids. Their ticks, when they are repeated, find them queued."""
        wanted = {
            "seconds": ABANDONED_SECONDS,
            "passed_over": list(self._not_ours),
            "most": MOST_AT_ONCE,
        }
        run_ids = list(connection.execute(ABANDONED, wanted).scalars())
        queued: list[str] = []
        for run in instance.get_runs(dg.RunsFilter(run_ids=run_ids)) if run_ids else []:
            if run.remote_job_origin is None:
                self._not_ours.add(run.run_id)
            elif run.status is DagsterRunStatus.NOT_STARTED:
                admitted = admit(instance, run)
                logger.warning("Run %s was created and never queued: it is queued now", run.run_id)
                instance.report_dagster_event(dg.DagsterEvent.job_enqueue(admitted), run_id=run.run_id)
                record_launch(connection, admitted)
                queued.append(run.run_id)
        return queued

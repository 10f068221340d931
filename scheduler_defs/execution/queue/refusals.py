"""Runs that wait for people: what is refused is ended here, by whoever has the queue."""

from __future__ import annotations

import dagster as dg
from dagster._core.storage.dagster_run import DagsterRunStatus

from scheduler_defs import database, tags
from scheduler_defs.approvals.ending import Refused, look, settle
from scheduler_defs.execution.queue.launch import cancel_queued


def end_refused(instance: dg.DagsterInstance) -> None:
    """Close approvals whose time is over, and cancel the runs that were denied; in the run stands why.

    Each step can be the last: what is not marked as settled is done again.
    """
    with database.engine().begin() as connection:
        refused = look(connection)
    for each in refused:
        _end(instance, each)
        with database.engine().begin() as connection:
            settle(connection, each.id)


def _end(instance: dg.DagsterInstance, refused: Refused) -> None:
    run = instance.get_run_by_id(refused.run_id)
    if run is None or run.is_finished:
        return
    instance.add_run_tags(run.run_id, {tags.ERROR: refused.why})
    message = f"{refused.why[:1].upper()}{refused.why[1:]}."
    if not cancel_queued(instance, run.run_id, message) and run.status is DagsterRunStatus.CANCELING:
        # Whoever was about to end it has died in between.
        instance.report_run_canceled(run, message=message)

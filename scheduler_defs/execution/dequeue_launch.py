"""Taking runs out of the queue: claimed with one conditional statement, so that nobody launches or
cancels the same run at the same moment; put back when the broker cannot be reached."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import EngineEventData
from dagster._core.launcher import LaunchRunContext
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.workspace.context import BaseWorkspaceRequestContext
from dagster._utils.error import serializable_error_info_from_exc_info
from kombu.exceptions import OperationalError as BrokerError

from scheduler_defs.execution.storage_pool import is_outage

# Only a queued run without a lease may go out; whoever changes the status first has it.
CLAIM = sa.text(
    """
    UPDATE runs SET status = 'STARTING', update_timestamp = now() AT TIME ZONE 'UTC'
    WHERE run_id = ANY(:run_ids) AND status = 'QUEUED'
      AND NOT EXISTS (
        SELECT FROM signalbox.leases
        WHERE leases.run_id = runs.run_id AND step_key = '' AND expires > now()
      )
    RETURNING run_id
    """
)
# The way back: only while no worker has begun.
PUT_BACK = sa.text(
    """
    UPDATE runs SET status = 'QUEUED', update_timestamp = now() AT TIME ZONE 'UTC'
    WHERE run_id = :run_id AND status = 'STARTING'
      AND NOT EXISTS (
        SELECT FROM signalbox.leases
        WHERE leases.run_id = runs.run_id AND step_key = '' AND expires > now()
      )
    RETURNING run_id
    """
)

CANCEL = sa.text(
    """
    UPDATE runs SET status = 'CANCELING', update_timestamp = now() AT TIME ZONE 'UTC'
    WHERE run_id = :run_id AND status = 'QUEUED'
    RETURNING run_id
    """
)


logger = logging.getLogger("dagster.daemon.SignalboxQueueDaemon")


def storage_connection(instance: dg.DagsterInstance) -> AbstractContextManager[sa.Connection]:
    """A connection to the database of Dagster's run storage, in autocommit mode."""
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        raise TypeError(f"run storage: {type(storage).__name__} is not SQL; Signalbox needs Postgres")
    return storage.connect()


def claim(
    instance: dg.DagsterInstance, connection: sa.Connection, run_ids: Sequence[str]
) -> list[DagsterRun]:
    """Take these runs out of the queue; returns, in the given order, those that were still in it."""
    taken = {row.run_id for row in connection.execute(CLAIM, {"run_ids": list(run_ids)})}
    if not taken:
        return []
    runs = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=list(taken)))}
    return [runs[run_id] for run_id in run_ids if run_id in runs]


def launch(
    instance: dg.DagsterInstance, workspace: BaseWorkspaceRequestContext | None, run: DagsterRun
) -> bool:
    """Hand a claimed run to the launcher. False when it could not be handed over.

    A run that only the broker or the database kept back returns to the queue; anything else that goes wrong
    is the run's own fault, and fails it with the error.
    """
    try:
        _note_starting(instance, run)
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=workspace))
    except Exception as error:
        if isinstance(error, BrokerError | OSError) or is_outage(error):
            logger.warning("Run %s goes back to the queue: %s: %s", run.run_id, type(error).__name__, error)
            put_back(instance, run.run_id, f"the broker cannot be reached ({type(error).__name__})")
        else:
            logger.exception("Run %s could not be launched", run.run_id)
            _fail(instance, run)
        return False
    return True


def put_back(instance: dg.DagsterInstance, run_id: str, reason: str) -> bool:
    """Return a starting run that no worker has begun to the queue; False when a worker has it after all."""
    with storage_connection(instance) as connection:
        if connection.execute(PUT_BACK, {"run_id": run_id}).first() is None:
            return False
    if (run := instance.get_run_by_id(run_id)) is not None:
        instance.report_engine_event(f"Back in the queue: {reason}.", run)
    return True


def cancel_queued(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Cancel the run if it is still queued; False when it is not, and nothing is changed."""
    with storage_connection(instance) as connection:
        if connection.execute(CANCEL, {"run_id": run_id}).first() is None:
            return False
    if (run := instance.get_run_by_id(run_id)) is not None:
        instance.report_run_canceling(run, message="Cancelled while it was in the queue.")
        instance.report_run_canceled(run)
    return True


def _note_starting(instance: dg.DagsterInstance, run: DagsterRun) -> None:
    """The event that Dagster's monitoring and UI expect. The status itself was set by `claim`.

    Reported in the usual way it would set the status again, over that of a cancellation in between.
    """
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.PIPELINE_STARTING.value, job_name=run.job_name
    )
    instance.event_log_storage.store_event(
        dg.EventLogEntry(
            error_info=None,
            level=logging.INFO,
            user_message="",
            run_id=run.run_id,
            timestamp=time.time(),
            job_name=run.job_name,
            dagster_event=event,
        )
    )


def _fail(instance: dg.DagsterInstance, run: DagsterRun) -> None:
    current = instance.get_run_by_id(run.run_id)
    if current is None or current.status not in (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING):
        return
    instance.report_engine_event(
        "The run could not be launched.",
        current,
        EngineEventData.engine_error(serializable_error_info_from_exc_info(sys.exc_info())),
    )
    instance.report_run_failed(current)

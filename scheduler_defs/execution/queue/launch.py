"""Taking runs out of the queue: claimed with one conditional statement, so that nobody launches or
cancels the same run at the same moment; put back when the broker cannot be reached."""

from __future__ import annotations

import datetime as dt
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
from dagster._serdes import serialize_value
from dagster._utils.error import serializable_error_info_from_exc_info

from scheduler_defs.execution.broker import is_broker_outage
from scheduler_defs.execution.storage.pool import is_outage

# Only a queued run without a lease, and with all approvals that it needs, may go out; whoever changes the
# status first has it. With the state comes the event that says so: whoever sees that a run is starting sees
# since when.
_CLAIM = """
    WITH {passing} taken AS (
        UPDATE runs SET status = 'STARTING', update_timestamp = now() AT TIME ZONE 'UTC'
        WHERE run_id = ANY(:run_ids) AND status = 'QUEUED'
          AND NOT EXISTS (SELECT FROM signalbox.held_runs WHERE held_runs.run_id = runs.run_id)
          AND NOT EXISTS (
            SELECT FROM signalbox.leases
            WHERE leases.run_id = runs.run_id AND step_key = '' AND lost IS NULL
          )
          {passed}
        RETURNING run_id
    ), logged AS (
        INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp)
        SELECT run_id, event, :kind, CAST(:at AS timestamp)
        FROM unnest(CAST(:starting AS text[]), CAST(:events AS text[])) AS added (run_id, event)
        JOIN taken USING (run_id)
    )
    SELECT run_id FROM taken
"""
# As long as nobody else has let runs out since the pass began that counted them: of two daemons, which by
# mistake count at the same moment, one finds the number moved on and takes nothing.
_PASSING = (
    "passed AS (UPDATE signalbox.queue_pass SET number = number + 1 WHERE number = :pass RETURNING number),"
)
CLAIM = sa.text(_CLAIM.format(passing="", passed=""))
CLAIM_IN_PASS = sa.text(_CLAIM.format(passing=_PASSING, passed="AND EXISTS (SELECT FROM passed)"))
# The way back: only while no worker has begun.
PUT_BACK = sa.text(
    """
    UPDATE runs SET status = 'QUEUED', update_timestamp = now() AT TIME ZONE 'UTC'
    WHERE run_id = :run_id AND status = 'STARTING'
      AND NOT EXISTS (
        SELECT FROM signalbox.leases
        WHERE leases.run_id = runs.run_id AND step_key = '' AND lost IS NULL
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
    instance: dg.DagsterInstance,
    connection: sa.Connection,
    run_ids: Sequence[str],
    in_pass: int | None = None,
) -> list[DagsterRun]:
    """Take these runs out of the queue; returns, in the given order, those that were still in it.

    `in_pass`: the number of the pass that has counted them; when another pass has let runs out since, none.
    """
    found = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=list(run_ids)))}
    events = {run_id: _starting(run) for run_id, run in found.items()}
    if not events:
        return []
    wanted = {
        "run_ids": list(events),
        "starting": list(events),
        "events": [serialize_value(event) for event in events.values()],
        "kind": dg.DagsterEventType.PIPELINE_STARTING.value,
        "at": dt.datetime.fromtimestamp(next(iter(events.values())).timestamp, dt.UTC).replace(tzinfo=None),
        "pass": in_pass,
    }
    taken = set(connection.execute(CLAIM if in_pass is None else CLAIM_IN_PASS, wanted).scalars())
    return [found[run_id].with_status(dg.DagsterRunStatus.STARTING) for run_id in run_ids if run_id in taken]


def launch(
    instance: dg.DagsterInstance, workspace: BaseWorkspaceRequestContext | None, run: DagsterRun
) -> bool:
    """Hand a claimed run to the launcher. False when it could not be handed over.

    A run that only the broker or the database kept back returns to the queue; anything else that goes wrong
    is the run's own fault, and fails it with the error.
    """
    try:
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=workspace))
    except Exception as error:
        if is_broker_outage(error) or is_outage(error):
            logger.warning("Run %s goes back to the queue: %s: %s", run.run_id, type(error).__name__, error)
            put_back(instance, run.run_id, f"the broker does not take it ({type(error).__name__})")
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


def cancel_queued(
    instance: dg.DagsterInstance, run_id: str, message: str = "Canceled while it was in the queue."
) -> bool:
    """Cancel the run if it is still queued; False when it is not, and nothing is changed."""
    with storage_connection(instance) as connection:
        if connection.execute(CANCEL, {"run_id": run_id}).first() is None:
            return False
    if (run := instance.get_run_by_id(run_id)) is not None:
        instance.report_run_canceling(run, message=message)
        instance.report_run_canceled(run)
    return True


def _starting(run: DagsterRun) -> dg.EventLogEntry:
    """The event that Dagster's monitoring and UI expect of a run that starts.

    Reported in the usual way it would set the status again, over that of a cancellation in between.
    """
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.PIPELINE_STARTING.value, job_name=run.job_name
    )
    return dg.EventLogEntry(
        error_info=None,
        level=logging.INFO,
        user_message="",
        run_id=run.run_id,
        timestamp=time.time(),
        job_name=run.job_name,
        dagster_event=event,
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

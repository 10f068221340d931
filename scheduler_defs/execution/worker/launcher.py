"""Runs go to a free worker process through Celery: the class that `run_launcher` in dagster.yaml names."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Self

import sqlalchemy as sa
from celery import Celery
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from typing_extensions import override

from scheduler_defs import database, tags
from scheduler_defs.errors import NotReachableError
from scheduler_defs.execution.broker import is_broker_outage
from scheduler_defs.execution.failure import record_failure
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.leases import Lease
from scheduler_defs.execution.leases.watch import LeaseWatch
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.worker import celery_app
from scheduler_defs.settings import BROKER_URL, settings

logger = logging.getLogger(__name__)

# A run that no worker has yet: whoever changes its state first decides what becomes of it.
CANCEL_STARTING = sa.text(
    """
    UPDATE runs SET status = 'CANCELING', update_timestamp = now() AT TIME ZONE 'UTC'
    WHERE run_id = :run_id AND status IN ('NOT_STARTED', 'STARTING')
    RETURNING run_id
    """
)
PATIENCE_SECONDS = 1.0
"""How long a cancelled run may take to end before it is shown as CANCELED while it still cleans up."""


class SignalboxRunLauncher(RunLauncher[DagsterInstance], ConfigurableClass):
    """Sends a message per run; the Celery task's id is the run's id, so nothing has to be written down."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._watch = LeaseWatch()
        super().__init__()

    @property
    @override
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @property
    def celery(self) -> Celery:
        """The app whose broker carries the runs."""
        return celery_app.app

    @override
    def launch_run(self, context: LaunchRunContext) -> None:
        """Raises kombu's OperationalError when the broker is away, NotReachableError when there is none."""
        if settings().broker_url is None:
            raise NotReachableError(f"no broker: set {BROKER_URL}, or run this through `signalbox`")
        run = context.dagster_run
        self.celery.send_task(
            celery_app.RUN_TASK, args=(run.run_id,), task_id=run.run_id, queue=run_queue(run)
        )

    @override
    def terminate(self, run_id: str) -> bool:
        """Cancel a run that waits for its worker, or has one. False when it has ended already.

        It is CANCELED at once, or as soon as its code has ended, or a second later while its processes still
        clean up; the slot and the lease stay taken until they are gone.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        with database.engine().begin() as connection:
            unclaimed = connection.execute(CANCEL_STARTING, {"run_id": run_id}).first() is not None
            lease = leases.of_runs(connection, [run_id]).get(run_id)
        self._instance.report_run_canceling(run)
        if unclaimed or lease is None or not lease.alive:
            self._instance.report_run_canceled(run, "Canceled before a worker had it." if unclaimed else None)
        else:
            after = threading.Timer(PATIENCE_SECONDS, self._finish_cancelling, (self._instance, run_id))
            after.daemon = True
            after.start()
        self._tell_worker(run_id)
        return True

    def _tell_worker(self, run_id: str) -> None:
        try:
            self.celery.control.revoke(run_id, terminate=True, signal="SIGTERM")
        except Exception as error:
            if not is_broker_outage(error):
                raise
            # The worker sees at its next beat that the run is being cancelled.
            logger.warning("run %s: the broker cannot be reached (%s)", run_id, error)

    @staticmethod
    def _finish_cancelling(instance: DagsterInstance, run_id: str) -> None:
        try:
            run = instance.get_run_by_id(run_id)
            if run is not None and run.status is DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, "Canceled; its processes are given time to clean up.")
        except Exception as error:
            # Its worker will report it when the code has ended, and run monitoring after that.
            logger.warning("run %s: cannot be shown as canceled (%s)", run_id, error)

    @property
    @override
    def supports_check_run_worker_health(self) -> bool:
        return True

    @override
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's lease lives. A run whose worker is lost is failed right here, with the reason.

        Called by Dagster's run monitoring for every started run; it looks again before it acts, finds that
        the run has ended, and leaves it at that.
        """
        with database.engine().begin() as connection:
            lease = leases.of_runs(connection, [run.run_id]).get(run.run_id)
            lost = self._is_lost(connection, run.run_id, lease)
        if not lost:
            worker = None if lease is None else lease.worker_id
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=worker)
        reason = worker_lost(lease)
        current = self._instance.get_run_by_id(run.run_id)
        if current is not None and current.status is DagsterRunStatus.STARTED:
            record_failure(self._instance, run.run_id, tags.Failure.WORKER_LOST, reason)
            self._instance.report_run_failed(current, f"Run failed: {reason}.")
            with database.engine().begin() as connection:
                leases.forget(connection, run.run_id)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, reason)

    def _is_lost(self, connection: sa.Connection, run_id: str, lease: Lease | None) -> bool:
        """Whether nobody works on the run any more, given up here if it has been silent for too long.

        A started run without a lease: its worker could not write how it ended, or the row was removed under a
        worker that finds out at its next beat. So that, too, is waited for as long as a lease lasts.
        """
        if lease is not None and not lease.alive:
            return True
        lasts = terms().expiry.total_seconds() if lease is None else lease.lasts_seconds
        mark = None if lease is None else (lease.token, lease.renewed)
        if not self._watch.is_lost(run_id, mark, lasts, clock.now()):
            return False
        return lease is None or leases.give_up(connection, lease)

    @override
    def get_run_worker_debug_info(
        self, run: DagsterRun, include_container_logs: bool | None = True
    ) -> str | None:
        with database.engine().begin() as connection:
            lease = leases.of_runs(connection, [run.run_id]).get(run.run_id)
        return None if lease is None else f"worker {lease.worker_id}, process {lease.pid} on {lease.host}"


def run_queue(run: DagsterRun) -> str:
    """The Celery queue that a run goes to."""
    return run.tags.get(tags.CELERY_QUEUE) or celery_app.RUN_QUEUE


def worker_lost(lease: Lease | None) -> str:
    """What to say of a run whose worker is gone."""
    if lease is None:
        return "worker lost: it gave up the run without ending it"
    last_beat = lease.renewed.isoformat(timespec="seconds")
    return f"worker lost: {lease.worker_id} on {lease.host}, last beat {last_beat}"

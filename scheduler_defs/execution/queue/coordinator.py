"""Dagster's run queue with live limits: the class that `run_coordinator` in dagster.yaml names."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator, RunQueueConfig
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._serdes import ConfigurableClassData
from typing_extensions import override

from scheduler_defs.execution.process import is_daemon
from scheduler_defs.execution.queue.live_limits import LiveLimits
from scheduler_defs.limits import dagster_tag_limits


class SignalboxRunCoordinator(LiveLimits, QueuedRunCoordinator):
    """Queues every run; our daemon lets them out as limits and live workers' slots allow.

    The limits are those of the declarations at this moment, so a changed file needs no restart.
    """

    def __init__(
        self,
        dequeue_interval_seconds: float = 0.5,
        dequeue_num_workers: int = 4,
        ageing_seconds: float = 60.0,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(
            max_concurrent_runs=-1,
            dequeue_use_threads=True,
            dequeue_num_workers=dequeue_num_workers,
            inst_data=inst_data,
        )
        self._interval_seconds = dequeue_interval_seconds
        self.ageing = timedelta(seconds=ageing_seconds)
        if is_daemon():
            from scheduler_defs.execution.dagster_patches import plain_logs, ticks
            from scheduler_defs.execution.dagster_patches.loops import audit, schedules, sensors
            from scheduler_defs.execution.queue import iteration as dequeue

            for part in (dequeue, schedules, sensors, audit, ticks, plain_logs):
                part.install()
        if "dagster._core.remote_representation.code_location" in sys.modules:  # who talks to the code server
            from scheduler_defs.execution.dagster_patches import code_server, plans

            code_server.install()
            plans.install()

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        return {
            "dequeue_interval_seconds": dg.Field(
                dg.Float,
                is_required=False,
                description="Longest time between two looks at the queue (default 0.5). New runs and free "
                "slots are noticed at once.",
            ),
            "dequeue_num_workers": dg.Field(
                dg.IntSource,
                is_required=False,
                description="How many runs are handed to the broker at the same time (default 4).",
            ),
            "ageing_seconds": dg.Field(
                dg.Float,
                is_required=False,
                description="How much waiting equals one point of priority (default 60; 0: priority alone "
                "decides, and a low one may wait for ever).",
            ),
        }

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @property
    @override
    def dequeue_interval_seconds(self) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._interval_seconds

    @override
    def get_run_queue_config(self) -> RunQueueConfig:
        """What Dagster's UI and GraphQL show as the run queue's configuration."""
        return (
            super().get_run_queue_config()._replace(tag_concurrency_limits=dagster_tag_limits(self.limits()))
        )

    @override
    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Queue the run. One that came to be without admission (by an older version) is completed here."""
        from scheduler_defs.execution.audit_entries import of_whom, record_launch
        from scheduler_defs.execution.queue.admitting import admit, note_faults
        from scheduler_defs.execution.queue.launch import storage_connection
        from scheduler_defs.execution.wakeup import announce_queue

        run = context.dagster_run
        if run.status is not DagsterRunStatus.NOT_STARTED:
            return super().submit_run(context)
        run = of_whom(self._instance, admit(self._instance, run))
        note_faults(self._instance, run)
        # As Dagster does it, which then reads the run again.
        self._instance.report_dagster_event(dg.DagsterEvent.job_enqueue(run), run_id=run.run_id)
        with storage_connection(self._instance) as connection:
            announce_queue(connection)
            record_launch(connection, run)
        return run.with_status(DagsterRunStatus.QUEUED)

    @override
    def cancel_run(self, run_id: str) -> bool:
        """Cancel a queued run, or have the launcher end one that is out. Never both, never neither."""
        from scheduler_defs.execution.audit_entries import record_cancel
        from scheduler_defs.execution.queue.launch import cancel_queued, storage_connection

        with storage_connection(self._instance) as connection:
            record_cancel(connection, run_id)
        return cancel_queued(self._instance, run_id) or self._instance.run_launcher.terminate(run_id)

"""A Dagster instance over our storage, and runs in whatever state a test needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.instance import InstanceType
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage

from scheduler_defs.execution.storage.postgres import SignalboxStorage

ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("signalbox"), "__repository__"), "line"
)


@dataclass
class Setting:
    instance: dg.DagsterInstance
    storage: SignalboxStorage

    def run(self, status: str, *, tags: Mapping[str, str] | None = None) -> str:
        """A run in this state, which nothing executes."""
        run = dg.DagsterRun(
            job_name="line",
            status=dg.DagsterRunStatus(status),
            tags=dict(tags or {}),
            remote_job_origin=ORIGIN,
        )
        self.instance.add_run(run)
        return run.run_id

    def get(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found is not None
        return found

    def status(self, run_id: str) -> str:
        return self.get(run_id).status.value

    def report(self, run_id: str, kind: dg.DagsterEventType, message: str = "") -> None:
        data = EngineEventData() if kind is dg.DagsterEventType.ENGINE_EVENT else None
        event = dg.DagsterEvent(
            event_type_value=kind.value, job_name="line", message=message, event_specific_data=data
        )
        self.instance.report_dagster_event(event, run_id=run_id)

    def events(self, run_id: str) -> list[str]:
        return [
            entry.dagster_event.message
            if entry.dagster_event and entry.dagster_event.message
            else entry.message
            for entry in self.instance.all_logs(run_id)
        ]


@contextmanager
def instance_over(storage: SignalboxStorage, folder: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance(
        instance_type=InstanceType.PERSISTENT,
        local_artifact_storage=LocalArtifactStorage(str(folder)),
        run_storage=storage.run_storage,
        event_storage=storage.event_log_storage,
        schedule_storage=storage.schedule_storage,
        run_coordinator=DefaultRunCoordinator(),
        compute_log_manager=NoOpComputeLogManager(),
        run_launcher=DefaultRunLauncher(),
        settings={},
    ) as instance:
        yield instance

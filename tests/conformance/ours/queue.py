"""Our coordinator and queue daemon, told by Dagster's configuration what ours takes from the declarations.

`max_concurrent_runs` is a limit on a tag that every run carries; of the one worker there are enough slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator, RunQueueConfig
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon.daemon import DaemonIterator
from dagster._serdes import ConfigurableClassData
from typing_extensions import override

from scheduler_defs import tags
from scheduler_defs.execution.queue.coordinator import SignalboxRunCoordinator
from scheduler_defs.execution.queue.iteration import SignalboxQueueDaemon
from scheduler_defs.execution.queue.launch import storage_connection
from scheduler_defs.execution.worker.celery_app import RUN_QUEUE
from scheduler_defs.limits import TagLimit

SLOTS = 1000
_ALL = tags.TRIGGER
_WORKER = sa.text(
    """
    INSERT INTO signalbox.workers (id, host, pid, queues, slots, versions, busy)
    VALUES ('conformance', 'here', 1, ARRAY[:queue], :slots, '{}', 0)
    ON CONFLICT (id) DO UPDATE SET heartbeat = now(), slots = excluded.slots
    """
)


class Coordinator(SignalboxRunCoordinator):
    """Ours, with the limits of a test."""

    def __init__(
        self, given: Mapping[str, Any] | None = None, inst_data: ConfigurableClassData | None = None
    ) -> None:
        super().__init__(ageing_seconds=0, inst_data=inst_data)
        self.given = given or {}

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        return {"given": dg.Field(dg.Permissive(), is_required=False)}

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @override
    def limits(self) -> tuple[TagLimit, ...]:
        asked = self.get_run_queue_config()
        most = asked.max_concurrent_runs
        of_tags = [_limit(declared) for declared in asked.tag_concurrency_limits]
        return (*of_tags, *([TagLimit(_ALL, None, False, most, "a test")] if most >= 0 else []))

    @override
    def get_run_queue_config(self) -> RunQueueConfig:
        return QueuedRunCoordinator(**self.given).get_run_queue_config()


class Daemon(SignalboxQueueDaemon):
    """Ours; a pass ends when what it has let out is launched, as with Dagster's."""

    def __init__(self, interval_seconds: float, page_size: int = 0) -> None:
        super().__init__(interval_seconds=interval_seconds)

    @override
    def run_iteration(
        self,
        workspace_process_context: IWorkspaceProcessContext,
        fixed_iteration_time: float | None = None,
    ) -> DaemonIterator:
        instance = workspace_process_context.instance
        with storage_connection(instance) as connection:
            connection.execute(_WORKER, {"queue": RUN_QUEUE, "slots": SLOTS})
        yield from super().run_iteration(workspace_process_context, fixed_iteration_time)
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None


def _limit(declared: Mapping[str, Any]) -> TagLimit:
    value = declared.get("value")
    per_value = isinstance(value, Mapping) and value["applyLimitPerUniqueValue"]
    one_value = value if isinstance(value, str) else None
    return TagLimit(declared["key"], one_value, per_value, declared["limit"], "a test")

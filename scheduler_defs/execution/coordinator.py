"""Dagster's run queue with our limits: the class that `run_coordinator` in dagster.yaml names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._serdes import ConfigurableClassData
from typing_extensions import override


class SignalboxRunCoordinator(QueuedRunCoordinator):
    """Queues every run; the daemon lets runs out as limits and live workers' slots allow."""

    def __init__(
        self,
        dequeue_interval_seconds: float = 1.0,
        dequeue_num_workers: int = 4,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(
            max_concurrent_runs=-1,
            dequeue_interval_seconds=1,
            dequeue_use_threads=True,
            dequeue_num_workers=dequeue_num_workers,
            inst_data=inst_data,
        )

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        return {
            "dequeue_interval_seconds": dg.Field(
                dg.Float,
                is_required=False,
                description="Longest time between two looks at the queue.",
            ),
            "dequeue_num_workers": dg.Field(
                dg.IntSource,
                is_required=False,
                description="How many runs are handed to the broker at the same time.",
            ),
        }

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

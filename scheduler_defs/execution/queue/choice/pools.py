"""Dagster's pools (op concurrency) at the moment of dequeueing, through Dagster's own counter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._core.storage.dagster_run import RunOpConcurrency

from scheduler_defs.execution.queue.choice.read import OutRun
from scheduler_defs.execution.queue.choice.select import NoPools, Pools, QueuedRun


@dataclass(frozen=True, slots=True)
class _CountedRun:
    """As much of a DagsterRun as the counter looks at."""

    run_id: str
    status: dg.DagsterRunStatus
    run_op_concurrency: RunOpConcurrency | None


@dataclass(frozen=True, slots=True)
class _CountedRecord:
    dagster_run: _CountedRun
    start_time: float | None


class DagsterPools:
    """Answers for Dagster's pools: a run that could do nothing but wait for them is not let out."""

    def __init__(self, counter: GlobalOpConcurrencyLimitsCounter) -> None:
        self._counter = counter

    def blocks(self, run: QueuedRun) -> bool:
        return run.pools is not None and self._counter.is_blocked(cast("Any", _queued(run)))

    def take(self, run: QueuedRun) -> None:
        if run.pools is not None:
            self._counter.update_counters_with_launched_item(cast("Any", _queued(run)))


def pools_now(instance: dg.DagsterInstance, queued: Sequence[QueuedRun], active: Sequence[OutRun]) -> Pools:
    """The pools as they are now. Asks the database only when a queued run uses one.

    Follows `concurrency.pools` of dagster.yaml (granularity, default limit, run buffer) as Dagster does.
    """
    pooled = [run for run in queued if run.pools is not None]
    if not pooled:
        return NoPools()
    settings = instance.get_concurrency_config()
    storage = instance.event_log_storage
    records = [
        _CountedRecord(_CountedRun(run.run_id, dg.DagsterRunStatus(run.status), run.pools), run.start_time)
        for run in active
        if run.pools is not None
    ]
    queue = settings.run_queue_config
    return DagsterPools(
        GlobalOpConcurrencyLimitsCounter(
            instance,
            cast("Any", [_queued(run) for run in pooled]),
            cast("Any", records),
            concurrency_keys=storage.get_concurrency_keys(),
            pool_limits=storage.get_pool_limits(),
            slot_count_offset=queue.op_concurrency_slot_buffer if queue else 0,
            pool_granularity=settings.pool_config.pool_granularity,
        )
    )


def _queued(run: QueuedRun) -> _CountedRun:
    return _CountedRun(run.run_id, dg.DagsterRunStatus.QUEUED, run.pools)

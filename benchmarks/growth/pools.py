"""So many tasks for agents, and so many workers by their heartbeats."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.growth.figures import Figure, median_seconds
from benchmarks.matching import MadeUpQueue
from scheduler_defs import database
from scheduler_defs.execution.queue.choice.read import live_run_slots
from scheduler_defs.stack.health.workers import live_workers
from tests.unit.execution.dequeue.setting import add_worker

PASS_BAR = 0.150
AGENTS = 50
SLOTS = 2


def tasks(folder: Path, url: str, size: int) -> Iterator[Figure]:
    """One pass of an agent queue, as `benchmarks.queues` measures it at one size."""
    del folder
    queue = MadeUpQueue(url, tasks=size, agents=AGENTS)
    queue.fill()
    for name, pool in (("all agents free", queue.pool), ("one slot free", queue.busy_pool)):
        queue.passed(pool)
        took = statistics.median(queue.passed(pool).seconds for _ in range(7))
        yield Figure("tasks", f"a pass, {name}", size, took, bar=PASS_BAR)


def workers(folder: Path, url: str, size: int) -> Iterator[Figure]:
    """What is read of all of them: slots by the dequeue loop, health by `status`."""
    del folder
    engine = database.engine(url)
    database.upgrade(engine)
    for number in range(size):
        add_worker(url, f"w{number}", ["runs"], SLOTS)

    def slots() -> None:
        assert live_run_slots(engine) == size * SLOTS

    def health() -> None:
        assert len(live_workers(url)) == size

    yield Figure("workers", "their slots", size, median_seconds(slots, 9))
    yield Figure("workers", "their health", size, median_seconds(health, 9))

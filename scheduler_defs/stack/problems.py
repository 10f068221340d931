"""What is wrong with a stack whose components are all well: faults in files, queues that nobody serves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduler_defs.settings import Settings
from scheduler_defs.stack.queues import Queues, declared_queues
from scheduler_defs.stack.workers import WorkerRow


def problems(where: Settings, workers: Sequence[WorkerRow]) -> list[str]:
    """One line for each fault of the declarations, and for each queue without a worker."""
    from scheduler_defs.declarations import current

    found = current(where.config, where.state)
    served = {queue for worker in workers for queue in worker.queues}
    return [*map(str, found.problems), *unserved(declared_queues(found.declarations), served)]


def unserved(queues: Queues, served: Iterable[str]) -> list[str]:
    """One line for each declared queue that no live worker serves."""
    left = queues.beyond(served)
    return [f"queue {name}: no worker serves it; its runs wait" for name in (*left.runs, *left.steps)]

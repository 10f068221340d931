"""What is wrong with a stack whose components are all well: files, disks, queues, switches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from scheduler_defs.settings import Settings
from scheduler_defs.stack.components.queues import Queues, declared_queues
from scheduler_defs.stack.health import clock, disk, switches, waiting
from scheduler_defs.stack.health.workers import WorkerRow


def problems(where: Settings, url: str, workers: Sequence[WorkerRow] | None) -> list[str]:
    """One line for each fault of the declarations, and for each thing that stands still without a word.

    `workers` is None when the database, which knows them, could not be asked: then nothing is said of them.
    """
    from scheduler_defs.declarations import current
    from scheduler_defs.declarations.outcomes import own_code_faults

    found = current(where.config, where.state)
    lines = [*map(str, found.problems), *own_code_faults(where.state), *disk.disk_problems(where.state)]
    if workers is None:
        return lines
    served = {queue for worker in workers for queue in worker.queues}
    declared = declared_queues(found.declarations)
    return [
        *lines,
        *unserved(declared, served),
        *_asked(lambda: waiting.waiting_problems(waiting.read(url), served, declared.names)),
        *_asked(lambda: switches.switch_problems(url, found.declarations)),
        *_asked(lambda: clock.clock_problems(url)),
    ]


def unserved(queues: Queues, served: Iterable[str]) -> list[str]:
    """One line for each declared queue that no live worker serves."""
    left = queues.beyond(served)
    return [f"queue {name}: no worker serves it; its runs wait" for name in left.names]


def _asked(ask: Callable[[], list[str]]) -> list[str]:
    import psycopg2

    try:
        return ask()
    except psycopg2.Error:
        return []  # the database itself is reported as a component

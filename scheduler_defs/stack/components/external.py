"""What a stack relies on and does not start itself: the server that holds the agents' tasks."""

from __future__ import annotations

from typing import Any

from scheduler_defs.settings import Settings
from scheduler_defs.stack.machine.record import State

_TIMEOUT_SECONDS = 3.0

TASK_QUEUE = "task-queue"


def task_queue(where: Settings) -> list[dict[str, Any]]:
    """A component's row for the declared TinyTask server, asked now; none for our own tables.

    Never raises: a server that does not answer is a component that is not well.
    """
    from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue
    from scheduler_defs.declarations import current
    from scheduler_defs.errors import SignalboxError

    config = current(where.config, where.state).declarations.task_queue
    if config.backend != "tinytask" or config.url is None:
        return []
    seconds = min(_TIMEOUT_SECONDS, config.timeout.total_seconds())
    address, state, detail = config.url, State.HEALTHY, ""
    try:
        server = TinyTaskQueue(config.url, timeout_seconds=seconds)
        address = server.address
        try:
            server.ping()
        finally:
            server.close()
    except SignalboxError as error:
        state, detail = State.UNHEALTHY, str(error)
    return [
        {
            "name": TASK_QUEUE,
            "state": state,
            "pid": None,
            "since": None,
            "restarts": 0,
            "address": address,
            "detail": detail,
        }
    ]

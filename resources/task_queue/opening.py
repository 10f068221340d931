"""The task queue that is declared, opened once per process."""

from __future__ import annotations

import os
from functools import lru_cache

from resources.task_queue.protocol import TaskQueue
from scheduler_defs import database
from scheduler_defs.declarations.models import TaskQueueConfig
from scheduler_defs.errors import SignalboxError


def open_task_queue(config: TaskQueueConfig) -> TaskQueue:
    """The task queue of the declarations. Connects to nothing yet.

    Raises SignalboxError when the backend is `tinytask` and no URL is given, NotReachableError when it is
    `postgres` and no database is configured.
    """
    if config.backend == "postgres":
        from resources.task_queue.postgres import PostgresTaskQueue

        return PostgresTaskQueue(database.engine())
    if config.url is None:
        raise SignalboxError("task_queue: backend tinytask needs url: http://HOST:PORT")
    return _tinytask(config.url, config.timeout.total_seconds(), os.getpid())


@lru_cache(maxsize=4)
def _tinytask(url: str, timeout_seconds: float, _pid: int) -> TaskQueue:
    # By process: connections of a parent must not be shared with its children.
    from resources.task_queue.tinytask import TinyTaskQueue

    return TinyTaskQueue(url, timeout_seconds=timeout_seconds)

"""The task queue that is declared, opened once per process."""

from __future__ import annotations

import os
import threading

from scheduler_defs import database
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.agents.task_queue.stack import own_stack
from scheduler_defs.audit.entries import Entry
from scheduler_defs.audit.store import record
from scheduler_defs.declarations.models.declared import TaskQueueConfig
from scheduler_defs.errors import SignalboxError

# By process as well: connections of a parent must not be shared with its children.
_opened: dict[tuple[str, float, int], TaskQueue] = {}
_lock = threading.Lock()


def open_task_queue(config: TaskQueueConfig) -> TaskQueue:
    """The task queue of the declarations. Connects to nothing yet.

    Raises SignalboxError when the backend is `tinytask` and no URL is given, NotReachableError when it is
    `postgres` and no database is configured.
    """
    if config.backend == "postgres":
        from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue

        return PostgresTaskQueue(database.engine())
    if config.url is None:
        raise SignalboxError("task_queue: backend tinytask needs url: http://HOST:PORT")
    key = (config.url, config.timeout.total_seconds(), os.getpid())
    with _lock:
        if key not in _opened:
            from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue

            _opened[key] = TinyTaskQueue(config.url, timeout_seconds=key[1], stack=own_stack, note=_note)
        return _opened[key]


def _note(entry: Entry) -> None:
    with database.engine().begin() as connection:
        record(connection, entry)

"""Bring the database up to date: Dagster's tables and Signalbox's own, in one process; and its first tasks.

Run as `python -m scheduler_defs.stack.components.migrate`, with the exports of
`signalbox env`. Safe to repeat.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from scheduler_defs.errors import SignalboxError

_log = logging.getLogger(__name__)


def migrate() -> None:
    """Create or upgrade all tables in `SIGNALBOX_POSTGRES_URL`."""
    from dagster import DagsterInstance

    from scheduler_defs import database

    database.upgrade(database.engine())
    with DagsterInstance.get() as instance:
        instance.upgrade()
    database.follow_runs(database.engine())
    add_declared_tasks()


def add_declared_tasks() -> None:
    """Add what `task_queue.first_tasks` names, once. A fault in that file is no reason not to start."""
    from scheduler_defs import database
    from scheduler_defs.agents.task_queue.first_tasks import add_first_tasks
    from scheduler_defs.declarations import current
    from scheduler_defs.settings import settings

    where = settings()
    file = current(where.config, where.state).declarations.task_queue.first_tasks
    if file is None:
        return
    try:
        added = add_first_tasks(database.engine(), Path(file))
    except SignalboxError as error:
        _log.error("first_tasks: %s", error)
    else:
        if added:
            _log.warning("%d first tasks added", added)


if __name__ == "__main__":
    try:
        migrate()
    except SignalboxError as error:
        # For whoever started this: one line, and no traceback.
        sys.stdout.write(f"{error}\n")
        sys.exit(1)

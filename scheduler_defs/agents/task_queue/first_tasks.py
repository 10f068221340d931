"""Tasks that a yard begins with: added once, when its database has never held a task."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.agents.task_queue.new_task import read_json_lines
from scheduler_defs.agents.task_queue.postgres import adding as postgres_adding
from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.errors import SignalboxError


def add_first_tasks(engine: sa.Engine, file: Path) -> int:
    """Add the tasks of a file of JSON lines, unless there is or was a task already; how many were added.

    Of several that do so at once one adds them. Raises SignalboxError for what is wrong with the file.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            tasks = list(read_json_lines(lines, created_by="first tasks"))
    except (OSError, UnicodeDecodeError, SignalboxError) as error:
        raise SignalboxError(f"{file}: {error}") from None
    with engine.begin() as connection:
        connection.execute(statement("lock_graph"))
        if connection.execute(statement("ever_added")).scalar_one():
            return 0
        return len(postgres_adding.add(connection, tasks, dt.datetime.now(dt.UTC)))

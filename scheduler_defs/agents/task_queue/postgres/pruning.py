"""Tasks that ended long ago, with their comments and links."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.database.pacing import Pace

_PAGE = 500


def prune(pace: Pace, before: dt.datetime, *, dry_run: bool) -> int:
    """Delete tasks that ended before then and that nothing unfinished needs; how many they were."""

    def delete(connection: sa.Connection, ids: Sequence[int]) -> int:
        return connection.execute(
            statement("delete_old_tasks"), {"before": before, "ids": list(ids)}
        ).rowcount

    deleted = 0
    while True:
        with pace.engine.connect() as connection:
            if dry_run:
                return connection.execute(statement("old_tasks"), {"before": before}).scalar_one()
            wanted = {"before": before, "most": _PAGE}
            ids = list(connection.execute(statement("next_old_tasks"), wanted).scalars())
        done = sum(pace.each(ids, delete))
        deleted += done
        if len(ids) < _PAGE or not done:
            return deleted

"""Runs that have failed for good, read from Dagster's tables: nothing follows them by itself."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

# Through idx_run_range (status, update_timestamp). A run on a task is left to the task, which says it too.
FAILED_FOR_GOOD = sa.text(
    """
    SELECT run_id FROM runs
    WHERE status = 'FAILURE' AND update_timestamp > :since
      AND NOT EXISTS (
        SELECT FROM run_tags AS tag
        WHERE tag.run_id = runs.run_id
          AND (tag.key = 'signalbox/task' OR (tag.key = 'signalbox/retry_at' AND tag.value <> 'cancelled')))
      AND NOT EXISTS (
        SELECT FROM run_tags AS child
        WHERE child.key = 'dagster/parent_run_id' AND child.value = runs.run_id)
    ORDER BY id DESC
    LIMIT :most
    """
)


def failed_for_good(connection: sa.Connection, since: dt.datetime, most: int) -> list[str]:
    """Ids of runs that have failed since then, with no next attempt made or waiting; the newest first."""
    values = {"since": since.astimezone(dt.UTC).replace(tzinfo=None), "most": most}
    return list(connection.execute(FAILED_FOR_GOOD, values).scalars())

"""Old log lines, ticks and executions of asset checks out of Dagster's tables.

What is old is read first, which locks nothing; then it goes in parts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from scheduler_defs.database.pacing import Pace
from scheduler_defs.execution.pruning.runs import delete_events, statement, utc

_PAGE = 2_000


def prune_lines(pace: Pace, before: dt.datetime, *, dry_run: bool) -> int:
    """Log lines of runs that were written before then."""
    wanted: dict[str, object] = {"before": utc(before)}
    if dry_run:
        return _count(pace.engine, "old_lines", wanted)
    deleted, after = 0, 0
    while ids := _ids(pace.engine, "next_lines", {**wanted, "after": after, "most": _PAGE}):
        deleted += sum(pace.each(ids, delete_events))
        # What was deleted still lies in the index: the next page begins behind it.
        after = ids[-1]
    return deleted


def prune_ticks(pace: Pace, before: dt.datetime, *, dry_run: bool) -> int:
    """Ticks of before then, but the newest of each schedule and sensor."""
    wanted = {"before": utc(before)}
    if dry_run:
        return _count(pace.engine, "old_ticks", wanted)
    return _page_by_page(pace, "next_ticks", _by_id("delete_ticks"), wanted)


def prune_checks(pace: Pace, before: dt.datetime) -> int:
    """Executions of asset checks of before then whose run is gone, but the newest of each check."""
    return _page_by_page(pace, "old_checks", _by_id("delete_checks"), {"before": utc(before)})


def _by_id(name: str) -> Callable[[sa.Connection, Sequence[int]], int]:
    def delete(connection: sa.Connection, ids: Sequence[int]) -> int:
        return connection.execute(statement(name), {"ids": list(ids)}).rowcount

    return delete


def _page_by_page(
    pace: Pace,
    read: str,
    delete: Callable[[sa.Connection, Sequence[int]], int],
    wanted: Mapping[str, object],
) -> int:
    deleted = 0
    while ids := _ids(pace.engine, read, {**wanted, "most": _PAGE}):
        done = sum(pace.each(ids, delete))
        deleted += done
        if len(ids) < _PAGE or not done:
            break
    return deleted


def _ids(engine: sa.Engine, name: str, wanted: Mapping[str, object]) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(statement(name), wanted).scalars())


def _count(engine: sa.Engine, name: str, wanted: Mapping[str, object]) -> int:
    with engine.connect() as connection:
        return connection.execute(statement(name), wanted).scalar_one()

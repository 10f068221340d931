"""Snapshots of jobs and plans that no run refers to any more.

What is unused is marked first, and dropped a day later, unless somebody has asked for it in between: a
process may have seen that it is there, and be about to add a run (`execution.storage.snapshots`).
"""

from __future__ import annotations

import datetime as dt
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from scheduler_defs.database.pacing import Pace
from scheduler_defs.execution.pruning.runs import statement

UNUSED = dt.timedelta(days=1)
_PAGE = 200
_PARENT = re.compile(r'"parent_snapshot_id": "([0-9a-f]+)"')


def prune(pace: Pace, now: dt.datetime, *, dry_run: bool) -> int:
    """Mark what is unused, and drop what has been for a day; counted."""
    before = now - UNUSED
    with pace.engine.connect() as connection:
        unused = _unused(connection)
        if dry_run:
            wanted = {"ids": unused, "before": before}
            return connection.execute(statement("long_unused"), wanted).scalar_one()
    with pace.engine.begin() as connection:
        connection.execute(statement("mark_used"), {"ids": unused})
        connection.execute(statement("mark_unused"), {"ids": unused, "now": now})

    def drop(connection: sa.Connection, ids: Sequence[str]) -> int:
        return connection.execute(
            statement("drop_snapshots"), {"ids": list(ids), "before": before}
        ).scalar_one()

    return sum(pace.each(unused, drop))


def _unused(connection: sa.Connection) -> list[str]:
    """Those that no run refers to, and that none is a part of which a run refers to."""
    unused = set(connection.execute(statement("unused_jobs")).scalars())
    plans = set(connection.execute(statement("plans")).scalars())
    if plans:
        plans -= set(connection.execute(statement("plans_of_runs")).scalars())
    if unused:
        used = connection.execute(statement("used_jobs")).scalars().all()
        unused -= set(_parents(connection, used))
    return sorted(unused | plans)


def _parents(connection: sa.Connection, ids: Sequence[str]) -> Iterator[str]:
    for begin in range(0, len(ids), _PAGE):
        bodies: Iterable[memoryview] = connection.execute(
            statement("bodies"), {"ids": list(ids[begin : begin + _PAGE])}
        ).scalars()
        for body in bodies:
            yield from _PARENT.findall(zlib.decompress(bytes(body)).decode())

"""What of the ledger is older than it is kept. `prove` knows from when on there is something to prove."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.pacing import Pace
from scheduler_defs.ledger.book import statement

_PAGE = 2_000


def prune(pace: Pace, before: dt.datetime, *, dry_run: bool) -> int:
    """Drop occurrences of before then, and the rules and switches that only they need; counted."""
    wanted = {"before": before}
    with pace.engine.begin() as connection:
        if dry_run:
            return connection.execute(statement("old_occurrences"), wanted).scalar_one()
        connection.execute(statement("mark_pruned"), wanted)

    def occurrences(connection: sa.Connection, rows: Sequence[Any]) -> int:
        found = {"schedules": [row.schedule for row in rows], "dues": [row.due for row in rows], **wanted}
        return connection.execute(statement("delete_occurrences"), found).rowcount

    def claims(connection: sa.Connection, rows: Sequence[Any]) -> int:
        found = {"claims": [row.claim for row in rows], **wanted}
        return connection.execute(statement("delete_claims"), found).rowcount

    deleted = _page_by_page(pace, "next_occurrences", occurrences, before)
    _page_by_page(pace, "next_claims", claims, before)
    with pace.engine.begin() as connection:
        for name in ("delete_rules", "delete_versions", "delete_changes"):
            connection.execute(statement(name), wanted)
    return deleted


def _page_by_page(
    pace: Pace, read: str, delete: Callable[[sa.Connection, Sequence[Any]], int], before: dt.datetime
) -> int:
    deleted = 0
    while True:
        with pace.engine.connect() as connection:
            rows = connection.execute(statement(read), {"before": before, "most": _PAGE}).all()
        done = sum(pace.each(rows, delete))
        deleted += done
        if len(rows) < _PAGE or not done:
            return deleted

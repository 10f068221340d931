"""What is left of work on tasks that ended long ago: what they landed, used and asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.database.pacing import Pace

statement = NamedSql(Path(__file__).parent / "sql")
KINDS = ("landings", "workspaces", "sessions", "questions")
_PAGE = 1_000


def prune(pace: Pace, before: dt.datetime, *, dry_run: bool) -> dict[str, int]:
    """Delete what ended before then, by kind; how many rows of each that was.

    A worktree's row stays while it is there, or while a bundle of it is kept.
    """
    return {kind: _prune(pace, kind, before, dry_run=dry_run) for kind in KINDS}


def _prune(pace: Pace, kind: str, before: dt.datetime, *, dry_run: bool) -> int:
    def delete(connection: sa.Connection, places: Sequence[str]) -> int:
        wanted = {"before": before, "places": list(places)}
        return connection.execute(statement(f"delete_{kind}"), wanted).rowcount

    deleted = 0
    while True:
        with pace.engine.connect() as connection:
            wanted = {"before": before, "most": None if dry_run else _PAGE}
            places = list(connection.execute(statement(f"old_{kind}"), wanted).scalars())
        if dry_run:
            return len(places)
        done = sum(pace.each(places, delete))
        deleted += done
        if len(places) < _PAGE or not done:
            return deleted

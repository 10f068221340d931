"""The ledger as people ask for it: the newest lines of a schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.ledger.book import statement
from scheduler_defs.ledger.entries import Outcome
from scheduler_defs.ledger.reasons import Reason, reason


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one occurrence. `status`: of its last attempt, as Dagster names it."""

    due: dt.datetime
    outcome: Outcome
    reason: Reason | None
    run_id: str | None
    status: str | None
    attempts: int
    decided_at: dt.datetime
    deleted: bool = False
    """Its run was deleted."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why one occurrence was left out, or others before it."""

    schedule: str
    due: dt.datetime
    tick: dt.datetime
    decided_at: dt.datetime
    reason: Reason


def left_out(connection: sa.Connection, since: dt.datetime, most: int) -> list[LeftOut]:
    """What was decided after `since` to be missed, collapsed or too late, in the order of deciding."""
    rows = connection.execute(statement("left_out"), {"since": since, "most": most})
    return [
        LeftOut(row.schedule, row.due, row.tick or row.due, row.decided_at, found)
        for row in rows
        if (found := reason(row.reason, row.numbers)) is not None
    ]


def newest(engine: sa.Engine, schedule: str, limit: int) -> Sequence[Line]:
    """The newest lines of a schedule, newest first."""
    with engine.connect() as connection:
        rows = connection.execute(statement("newest"), {"schedule": schedule, "limit": limit})
        return [
            Line(
                row.due,
                Outcome(row.outcome),
                reason(row.reason, row.numbers),
                row.run_id,
                row.status,
                row.attempts,
                row.decided_at,
                row.deleted,
            )
            for row in rows
        ]


def waiting(engine: sa.Engine) -> Mapping[str, float]:
    """Of each schedule since when something of it waits, in seconds since the epoch. One small statement."""
    with engine.connect() as connection:
        return {row.schedule: float(row.since) for row in connection.execute(statement("waiting"))}

"""The ledger as people ask for it: the newest lines of a schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from scheduler_defs import tags
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


class Wait(NamedTuple):
    """Something of a schedule waits. Seconds since the epoch."""

    since: float
    """When it wants to be looked at."""
    refused: float | None = None
    """When a limit last held it back, if one does."""


def waiting(engine: sa.Engine) -> Mapping[str, Wait]:
    """Of which schedules something waits for its start, for room, or for its run. One statement."""
    with engine.connect() as connection:
        return {
            row.schedule: Wait(float(row.since), None if row.refused is None else float(row.refused))
            for row in connection.execute(statement("waiting"), {"job": tags.JOB})
        }

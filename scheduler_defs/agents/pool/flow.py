"""How work flows through the queues: throughput, waits, run times. Measured from ended assignments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.agents.deciding.estimates import Done, Estimates
from scheduler_defs.agents.pool.assignments import statement

HOUR = dt.timedelta(hours=1)
REMEMBERED = 300
"""So many done tasks of a queue say how long the next takes."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One queue over some time. Waits are from when nothing but a slot was missing to the claim."""

    completed: int = 0
    runs: int = 0
    run_seconds: float | None = None
    wait_p50_seconds: float | None = None
    wait_p95_seconds: float | None = None


def flows(connection: sa.Connection, since: dt.datetime, queue: str | None = None) -> Mapping[str, Flow]:
    """Every queue with an ended run since then."""
    rows = connection.execute(statement("flow"), {"since": since, "queue": queue})
    return {
        row.queue: Flow(
            row.completed,
            row.runs,
            _number(row.run_seconds),
            _number(row.wait_p50_seconds),
            _number(row.wait_p95_seconds),
        )
        for row in rows
    }


def estimates(connection: sa.Connection, queues: Collection[str]) -> Estimates:
    """How long tasks of these queues take, from the last that were done."""
    values = {"queues": list(queues), "limit": REMEMBERED}
    return Estimates(
        Done(row.queue, row.agent, tuple(row.tags), row.seconds)
        for row in connection.execute(statement("done"), values)
    )


def _number(value: object) -> float | None:
    return None if value is None else round(float(str(value)), 3)

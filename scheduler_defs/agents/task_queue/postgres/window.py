"""What a pass reads from Postgres: derived columns brought up to date, then a window of candidates."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Kind, Policy
from scheduler_defs.agents.task_queue.models import QueueCounts, View
from scheduler_defs.agents.task_queue.postgres.rows import candidate_of, counts_of
from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.agents.task_queue.protocol import Demand

_FAR_PAST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def refresh(connection: sa.Connection, now: dt.datetime) -> None:
    """Bring `blocked`, `held` and `frees` up to date with what has changed since the last time."""
    connection.execute(statement("lock_graph"))
    connection.execute(statement("release_held"), {"now": now})
    changed = list(dict.fromkeys(connection.execute(statement("take_changes")).scalars()))
    if not changed:
        return
    turned = connection.execute(statement("refresh_blocked"), {"changed": changed, "now": now}).all()
    freed = [row.id for row in turned if not row.blocked]
    connection.execute(statement("refresh_frees"), {"changed": list({*changed, *freed})})


def look(
    connection: sa.Connection,
    queue: str,
    *,
    demand: Demand,
    policy: Policy,
    requested: Collection[int],
    now: dt.datetime,
    hidden: str | None = None,
) -> View:
    """The candidates of one pass, of each kind as many as it could place; and the queue's numbers.

    What is read is bounded by the agents' free slots, however long the queue is.
    """
    refresh(connection, now)
    suffix = "" if policy.blocking else "_unblocked"
    wanted = [
        {"assignee": row.assignee, "capabilities": row.capabilities, "most": most}
        for row in connection.execute(statement(f"kinds{suffix}"), {"queue": queue})
        if (most := demand(Kind(row.assignee or None, tuple(row.capabilities))))
    ]
    ageing = policy.ageing
    candidates = (
        connection.execute(
            statement(f"window{suffix}"),
            {
                "kinds": json.dumps(wanted),
                "queue": queue,
                "requested": list(requested),
                "hidden": hidden,
                "now": now,
                "overdue": now - ageing.first_after if ageing else _FAR_PAST,
                "near": now + policy.near,
                "ageing_limit": ageing.limit if ageing else 0,
                "ageing_seconds": ageing.every.total_seconds() if ageing else 1,
            },
        ).all()
        if wanted
        else []
    )
    numbers = counts(connection, queue).get(queue, QueueCounts())
    faults = dead_blockers(connection, queue) if numbers.blocked else ()
    return View(tuple(candidate_of(row) for row in candidates), numbers, faults)


def counts(connection: sa.Connection, queue: str | None) -> dict[str, QueueCounts]:
    """The numbers of one queue, or of all that have or had tasks."""
    rows = connection.execute(statement("counts"), {"queue": queue})
    return {row.queue: counts_of(row) for row in rows}


def dead_blockers(connection: sa.Connection, queue: str) -> tuple[str, ...]:
    """Blockers that will never complete by themselves, one line each."""
    rows = connection.execute(statement("dead_blockers"), {"queue": queue, "limit": 20})
    return tuple(
        f"task {row.id} waits for {row.blocker}, which {_is_stuck(row)}: "
        f"requeue or complete {row.root}, or unblock {row.id}"
        for row in rows
    )


def dead_roots(connection: sa.Connection, queue: str) -> dict[tuple[int, int], str]:
    """By task and blocker: that the blocker waits for something which will not happen, for people."""
    rows = connection.execute(statement("dead_blockers"), {"queue": queue, "limit": 10_000})
    return {(row.id, row.blocker): _is_stuck(row) for row in rows if row.blocker != row.root}


def _is_stuck(row: sa.Row[Any]) -> str:
    return f"is {row.state}" if row.blocker == row.root else f"waits for {row.root} ({row.state})"

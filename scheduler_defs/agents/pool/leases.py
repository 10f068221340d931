"""Leases on tasks: somebody outside works on one, for as long as he says so in time.

In the assignment he stands in the place of a run, as `lease-...`. A lease that has run out is a lost worker:
the next pass gives the task back. Of the token only a hash is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.agents.pool.assignments import Assignment, statement

PREFIX = "sbl_"
"""What every lease token begins with."""
SECONDS = 300
"""How long a lease holds when nothing else is asked for."""
LONGEST_SECONDS = 86_400
_NAME = "lease-"


@dataclass(frozen=True, slots=True)
class TaskLease:
    """Who holds which task until when, as the attempt of which assignment."""

    run_id: str
    run_key: str
    backend: str
    task_id: int
    agent: str
    queue: str
    attempt: int
    max_attempts: int
    holder: str
    seconds: int
    claimed_at: dt.datetime
    expires_at: dt.datetime


def new_id() -> str:
    """As whom the next holder stands in his assignment."""
    return f"{_NAME}{uuid.uuid4()}"


def is_lease(run_id: str) -> bool:
    """Whether it is the id of a lease, and of no run."""
    return run_id.startswith(_NAME)


def grant(
    connection: sa.Connection, given: Assignment, run_id: str, backend: str, *, holder: str, seconds: int
) -> str:
    """A new lease for an assignment; its token, which is not kept. Forgets old ones on the way."""
    token = PREFIX + secrets.token_urlsafe(32)
    values = {
        "run_id": run_id,
        "digest": _digest(token),
        "run_key": given.run_key,
        "backend": backend,
        "task_id": given.task_id,
        "agent": given.agent,
        "queue": given.queue,
        "attempt": given.attempt,
        "max_attempts": given.max_attempts,
        "holder": holder,
        "seconds": seconds,
    }
    connection.execute(statement("forget_leases"))
    connection.execute(statement("add_lease"), values)
    return token


def find(connection: sa.Connection, token: str, task_id: int) -> TaskLease | None:
    """The lease on the task that the token is for. None: it is another's, or has run out."""
    if not token.startswith(PREFIX):
        return None
    values = {"digest": _digest(token), "task_id": task_id}
    row = connection.execute(statement("lease"), values).one_or_none()
    return None if row is None else TaskLease(**row._mapping)


def renew(connection: sa.Connection, lease: TaskLease) -> dt.datetime | None:
    """Until when it holds now; None when it has run out."""
    return connection.execute(statement("renew_lease"), {"run_id": lease.run_id}).scalar_one_or_none()


def end(connection: sa.Connection, lease: TaskLease) -> None:
    """The holder has done with the task."""
    connection.execute(statement("end_lease"), {"run_id": lease.run_id})


def living(connection: sa.Connection, run_ids: Collection[str]) -> set[str]:
    """Those of the ids that are leases which have not run out."""
    leased = [run_id for run_id in run_ids if is_lease(run_id)]
    if not leased:
        return set()
    return set(connection.execute(statement("living_leases"), {"run_ids": leased}).scalars())


def _digest(token: str) -> str:
    # It has 256 random bits, so that a plain hash cannot be guessed backwards.
    return hashlib.sha256(token.encode()).hexdigest()

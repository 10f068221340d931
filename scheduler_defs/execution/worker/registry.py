"""The workers that are there: each registers itself, beats, and renews its children's leases as it beats."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import sqlalchemy as sa

from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.leases import Holding

REGISTER = sa.text(
    """
    INSERT INTO signalbox.workers (id, host, pid, queues, slots, versions, busy)
    VALUES (:id, :host, :pid, :queues, :slots, CAST(:versions AS jsonb), :busy)
    ON CONFLICT (id) DO UPDATE
        SET host = excluded.host, pid = excluded.pid, queues = excluded.queues, slots = excluded.slots,
            versions = excluded.versions, heartbeat = now(), draining = :draining, busy = excluded.busy
    """
)
DRAIN = sa.text("UPDATE signalbox.workers SET draining = true WHERE id = :id")
REMOVE = sa.text("DELETE FROM signalbox.workers WHERE id = ANY(:ids)")
OF_HOST = sa.text(
    """
    SELECT id, pid FROM signalbox.workers
    WHERE host = :host AND versions ->> 'place' = :place AND id <> :id
    """
)
# Rows of workers that died without a word, kept for a day so that "worker lost" can name the host.
FORGET_SILENT = sa.text("DELETE FROM signalbox.workers WHERE heartbeat < now() - interval '1 day'")


class Condition(Enum):
    """How a worker's child is."""

    ALIVE = auto()
    """It works: its leases are renewed."""
    FROZEN = auto()
    """It is stopped: its leases are left to run out, and it is killed before they do."""
    DEAD = auto()
    """It is gone: its leases expire at once."""


@dataclass(frozen=True)
class Worker:
    """One Celery worker: a main process on a host, with so many children (slots) serving some queues."""

    id: str
    host: str
    pid: int
    queues: tuple[str, ...]
    slots: int
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Beaten:
    """What a beat found: the leases of the worker's children, and which of them (tokens) it has renewed."""

    holdings: Sequence[Holding]
    renewed: frozenset[uuid.UUID]


def any_lease(_token: uuid.UUID) -> bool:
    """Every lease in the name of a living child is held by it."""
    return True


def beat(
    connection: sa.Connection,
    worker: Worker,
    expiry: dt.timedelta,
    condition: Callable[[int], Condition],
    *,
    is_held: Callable[[uuid.UUID], bool] = any_lease,
    bury: Callable[[int], None] = lambda _: None,
    busy: int = 0,
    draining: bool = False,
    silent: bool = False,
) -> Beaten:
    """Say that the worker lives, renew the leases of its living children, and give up those of the dead.

    `condition` tells how a child (pid) is. It is asked after the leases were read: so a child that appears at
    the same time is never taken for a dead one. `bury(pid)` ends what a dead child has left, before its
    leases are given up. A lease of a living child that does not hold it (`is_held`) is one that could not be
    given back: it runs out. `silent`: the worker is not to be given work; only leases are seen to. Else it is
    registered as well, so that a database that was replaced knows it again at the next beat. Clears away what
    dead workers have left of runs that are over.
    """
    if not silent:
        connection.execute(
            REGISTER,
            {
                "id": worker.id,
                "host": worker.host,
                "pid": worker.pid,
                "queues": list(worker.queues),
                "slots": worker.slots,
                "versions": json.dumps(dict(worker.versions)),
                "busy": busy,
                "draining": draining,
            },
        )
    holdings = leases.of_worker(connection, worker.id)
    conditions = {pid: condition(pid) for pid in {held.pid for held in holdings}}
    dead = [pid for pid, found in conditions.items() if found is Condition.DEAD]
    alive = [
        held.token for held in holdings if conditions[held.pid] is Condition.ALIVE and is_held(held.token)
    ]
    if dead:
        for pid in dead:
            bury(pid)
        connection.execute(leases.EXPIRE_DEAD, {"worker_id": worker.id, "dead": dead})
    renewed: frozenset[uuid.UUID] = frozenset()
    if alive:
        values = {"worker_id": worker.id, "tokens": alive, "expiry": expiry.total_seconds()}
        renewed = frozenset(connection.execute(leases.RENEW, values).scalars())
    leases.forget_ended(connection)
    return Beaten(holdings, renewed)


def drain(connection: sa.Connection, worker_id: str) -> None:
    """The worker takes no more work. It is removed when its last run has ended."""
    connection.execute(DRAIN, {"id": worker_id})


def remove(connection: sa.Connection, worker_ids: Sequence[str]) -> None:
    """Workers that are gone, and known to be: nobody needs to wait for their leases to run out."""
    connection.execute(leases.EXPIRE_WORKER, {"worker_ids": list(worker_ids)})
    connection.execute(REMOVE, {"ids": list(worker_ids)})


def siblings(connection: sa.Connection, worker: Worker) -> dict[str, int]:
    """The other workers whose pids mean what this one's means (same boot and pid namespace): id to pid."""
    where = {"host": worker.host, "place": worker.versions.get("place", ""), "id": worker.id}
    rows = connection.execute(OF_HOST, where)
    return {row.id: row.pid for row in rows}


def forget_silent(connection: sa.Connection) -> None:
    """Remove workers that have been silent for a day."""
    connection.execute(FORGET_SILENT)

"""Leases: who executes which run (or step) right now, by compare-and-set in Postgres.

A lease is a row. A worker child inserts it before it does anything for a run, its worker renews it, and the
child deletes it at the end. Whoever cannot get the lease does nothing: so a message that the broker delivers
twice starts nothing twice.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

# A run is taken by moving it from STARTING to STARTED and inserting its lease, both or neither: whoever
# cancels it or puts it back in the queue at the same moment finds another state, or takes it away before.
ACQUIRE_RUN = sa.text(
    """
    WITH taken AS (
        UPDATE runs SET status = 'STARTED', update_timestamp = now() AT TIME ZONE 'UTC'
        WHERE run_id = :run_id AND status = 'STARTING'
        RETURNING run_id, run_body
    ), leased AS (
        INSERT INTO signalbox.leases (run_id, step_key, worker_id, host, pid, queue, token, expires)
        SELECT run_id, '', :worker_id, :host, :pid, :queue, :token, now() + make_interval(secs => :expiry)
        FROM taken
        ON CONFLICT (run_id, step_key) DO UPDATE
            SET worker_id = excluded.worker_id, host = excluded.host, pid = excluded.pid,
                queue = excluded.queue, token = excluded.token, acquired = now(), renewed = now(),
                expires = excluded.expires
    )
    SELECT run_body FROM taken
    """
)
# A step's lease is granted while its run is under way. Taking over an expired one is the same attempt again.
ACQUIRE_STEP = sa.text(
    """
    INSERT INTO signalbox.leases AS held
        (run_id, step_key, worker_id, host, pid, queue, token, expires)
    SELECT run_id, :step_key, :worker_id, :host, :pid, :queue, :token, now() + make_interval(secs => :expiry)
    FROM runs WHERE run_id = :run_id AND status = 'STARTED'
    ON CONFLICT (run_id, step_key) DO UPDATE
        SET worker_id = excluded.worker_id, host = excluded.host, pid = excluded.pid,
            queue = excluded.queue, token = excluded.token, acquired = now(), renewed = now(),
            expires = excluded.expires
        WHERE held.expires < now()
    RETURNING token
    """
)
RELEASE = sa.text(
    "DELETE FROM signalbox.leases WHERE run_id = :run_id AND step_key = :step_key AND token = :token"
)
FORGET_RUN = sa.text("DELETE FROM signalbox.leases WHERE run_id = :run_id AND expires < now()")
# Left by workers that died between a run's end and giving the lease back. While the run is under way an
# expired lease is what tells who was lost.
FORGET_ENDED = sa.text(
    """
    DELETE FROM signalbox.leases AS held WHERE expires < now() AND NOT EXISTS (
        SELECT FROM runs WHERE runs.run_id = held.run_id AND status IN ('STARTED', 'CANCELING')
    )
    """
)
# What a worker's children hold, and the state of the run: it may have been cancelled, or have ended.
HOLDERS = sa.text(
    """
    SELECT held.pid, held.run_id, held.step_key, held.grace_seconds,
           coalesce(runs.status, '') AS run_status
    FROM signalbox.leases AS held LEFT JOIN runs USING (run_id)
    WHERE held.worker_id = :worker_id AND held.expires > now()
    """
)
ALLOW_GRACE = sa.text(
    """
    UPDATE signalbox.leases SET grace_seconds = :seconds
    WHERE run_id = :run_id AND step_key = :step_key AND token = :token
    """
)
# All leases of a worker's living children, in one statement.
RENEW = sa.text(
    """
    UPDATE signalbox.leases
    SET renewed = now(), expires = now() + make_interval(secs => :expiry)
    WHERE worker_id = :worker_id AND pid = ANY(:alive) AND expires > now()
    """
)
# A child that is gone does not come back: its leases need not be waited for.
EXPIRE_DEAD = sa.text(
    """
    UPDATE signalbox.leases SET expires = now()
    WHERE worker_id = :worker_id AND pid = ANY(:dead) AND expires > now()
    """
)
EXPIRE_WORKER = sa.text(
    "UPDATE signalbox.leases SET expires = now() WHERE worker_id = ANY(:worker_ids) AND expires > now()"
)
OF_RUN = sa.text(
    """
    SELECT run_id, step_key, worker_id, host, pid, token, acquired, renewed, expires, expires > now() AS alive
    FROM signalbox.leases WHERE run_id = ANY(:run_ids) AND step_key = :step_key
    """
)


@dataclass(frozen=True)
class Claim:
    """What a worker child holds while it executes a run (`step_key` empty) or a step."""

    run_id: str
    worker_id: str
    host: str
    pid: int
    queue: str
    step_key: str = ""
    token: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class Holding:
    """A living lease of a worker's child. `run_status` is Dagster's, empty when the run was deleted."""

    pid: int
    run_id: str
    step_key: str
    grace_seconds: float
    run_status: str


@dataclass(frozen=True)
class Lease:
    """A lease as it stands in the database; `renewed` is its worker's last beat for it."""

    run_id: str
    step_key: str
    worker_id: str
    host: str
    pid: int
    token: uuid.UUID
    acquired: dt.datetime
    renewed: dt.datetime
    expires: dt.datetime
    alive: bool


def acquire_run(connection: sa.Connection, claim: Claim, expiry: dt.timedelta) -> str | None:
    """Take the run: its serialised body, or None when it is not waiting for a worker (any more)."""
    return connection.execute(ACQUIRE_RUN, _parameters(claim, expiry)).scalar()


def of_worker(connection: sa.Connection, worker_id: str) -> list[Holding]:
    """The living leases of a worker's children."""
    rows = connection.execute(HOLDERS, {"worker_id": worker_id}).mappings()
    return [Holding(**row) for row in rows]


def acquire_step(connection: sa.Connection, claim: Claim, expiry: dt.timedelta) -> bool:
    """Take the step. False when somebody else has it, or when its run is not under way."""
    return connection.execute(ACQUIRE_STEP, _parameters(claim, expiry)).first() is not None


def _parameters(claim: Claim, expiry: dt.timedelta) -> dict[str, object]:
    return {
        "run_id": claim.run_id,
        "step_key": claim.step_key,
        "worker_id": claim.worker_id,
        "host": claim.host,
        "pid": claim.pid,
        "queue": claim.queue,
        "token": claim.token,
        "expiry": expiry.total_seconds(),
    }


def release(connection: sa.Connection, claim: Claim) -> None:
    """Give the lease back. Harmless when it is somebody else's by now."""
    connection.execute(RELEASE, {"run_id": claim.run_id, "step_key": claim.step_key, "token": claim.token})


def allow_grace(connection: sa.Connection, claim: Claim, grace: dt.timedelta) -> None:
    """Let the process behind the lease live for so long after it was told to stop; else 10 s."""
    connection.execute(
        ALLOW_GRACE,
        {
            "run_id": claim.run_id,
            "step_key": claim.step_key,
            "token": claim.token,
            "seconds": grace.total_seconds(),
        },
    )


def forget(connection: sa.Connection, run_id: str) -> None:
    """Remove the expired leases of a run that has ended, its steps' included."""
    connection.execute(FORGET_RUN, {"run_id": run_id})


def forget_ended(connection: sa.Connection) -> None:
    """Remove the expired leases of all runs that are over, whoever held them."""
    connection.execute(FORGET_ENDED)


def of_runs(connection: sa.Connection, run_ids: Sequence[str], step_key: str = "") -> dict[str, Lease]:
    """The leases, living or expired, of these runs (or of this step of them), by run id."""
    rows = connection.execute(OF_RUN, {"run_ids": list(run_ids), "step_key": step_key}).mappings()
    return {row["run_id"]: Lease(**row) for row in rows}

"""Leases: who executes which run (or step) right now, by compare-and-set in Postgres.

A lease is a row. A worker child inserts it before it does anything for a run, its worker renews it, and the
child deletes it at the end. Whoever cannot get the lease does nothing: so a message that the broker delivers
twice starts nothing twice.

A lease is alive until it is given up (`lost`): by its worker, which knows that the child is dead, or by
somebody who has seen no renewal for as long as it lasts (`watch`). The database's clock, which may be set,
decides nothing.
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
                expires = excluded.expires, lost = NULL
    )
    SELECT run_body FROM taken
    """
)
# A step's lease is granted while its run is under way. Taking over a lost one is the same attempt again.
ACQUIRE_STEP = sa.text(
    """
    INSERT INTO signalbox.leases AS held
        (run_id, step_key, worker_id, host, pid, queue, token, expires)
    SELECT run_id, :step_key, :worker_id, :host, :pid, :queue, :token, now() + make_interval(secs => :expiry)
    FROM runs WHERE run_id = :run_id AND status = 'STARTED'
    ON CONFLICT (run_id, step_key) DO UPDATE
        SET worker_id = excluded.worker_id, host = excluded.host, pid = excluded.pid,
            queue = excluded.queue, token = excluded.token, acquired = now(), renewed = now(),
            expires = excluded.expires, lost = NULL
        WHERE held.lost IS NOT NULL
    RETURNING token
    """
)
RELEASE = sa.text(
    "DELETE FROM signalbox.leases WHERE run_id = :run_id AND step_key = :step_key AND token = :token"
)
# Given back before what it covers has ended: whoever waits for that need not wait for the lease.
ABANDON = sa.text(
    """
    UPDATE signalbox.leases SET lost = now(), expires = least(expires, now())
    WHERE run_id = :run_id AND step_key = :step_key AND token = :token
    """
)
FORGET_RUN = sa.text("DELETE FROM signalbox.leases WHERE run_id = :run_id AND lost IS NOT NULL")
# Left by workers that died between a run's end and giving the lease back. While the run is under way an
# lost lease is what tells who was lost.
FORGET_ENDED = sa.text(
    """
    DELETE FROM signalbox.leases AS held WHERE lost IS NOT NULL AND NOT EXISTS (
        SELECT FROM runs WHERE runs.run_id = held.run_id AND status IN ('STARTED', 'CANCELING')
    )
    """
)
# What a worker's children hold, and the state of the run: it may have been cancelled, or have ended.
HOLDERS = sa.text(
    """
    SELECT held.pid, held.run_id, held.step_key, held.grace_seconds, held.token,
           coalesce(runs.status, '') AS run_status
    FROM signalbox.leases AS held LEFT JOIN runs USING (run_id)
    WHERE held.worker_id = :worker_id AND held.lost IS NULL
    """
)
ALLOW_GRACE = sa.text(
    """
    UPDATE signalbox.leases SET grace_seconds = :seconds
    WHERE run_id = :run_id AND step_key = :step_key AND token = :token
    """
)
# All leases of a worker's living children, in one statement. What is not among the answers is lost.
RENEW = sa.text(
    """
    UPDATE signalbox.leases
    SET renewed = now(), expires = now() + make_interval(secs => :expiry)
    WHERE worker_id = :worker_id AND token = ANY(:tokens) AND lost IS NULL
    RETURNING token
    """
)
# A child that is gone does not come back: its leases need not be waited for.
EXPIRE_DEAD = sa.text(
    """
    UPDATE signalbox.leases SET lost = now(), expires = least(expires, now())
    WHERE worker_id = :worker_id AND pid = ANY(:dead) AND lost IS NULL
    """
)
EXPIRE_WORKER = sa.text(
    """
    UPDATE signalbox.leases SET lost = now(), expires = least(expires, now())
    WHERE worker_id = ANY(:worker_ids) AND lost IS NULL
    """
)
# Of other workers: how long each lasts is said by whoever renewed it, in one statement and by one clock.
OF_OTHERS = sa.text(
    """
    SELECT run_id, step_key, worker_id, host, pid, token, acquired, renewed, expires, lost
    FROM signalbox.leases WHERE worker_id <> :worker_id AND lost IS NULL
    """
)
# Only this renewal of this lease: one that was renewed at the same moment is not lost.
GIVE_UP = sa.text(
    """
    UPDATE signalbox.leases SET lost = now(), expires = least(expires, now())
    WHERE run_id = :run_id AND step_key = :step_key AND token = :token AND renewed = :renewed AND lost IS NULL
    RETURNING token
    """
)
OF_RUN = sa.text(
    """
    SELECT run_id, step_key, worker_id, host, pid, token, acquired, renewed, expires, lost
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
    token: uuid.UUID
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
    lost: dt.datetime | None

    @property
    def alive(self) -> bool:
        """Nobody has given it up."""
        return self.lost is None

    @property
    def lasts_seconds(self) -> float:
        """For how long a renewal holds."""
        return max((self.expires - self.renewed).total_seconds(), 0.0)


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


def of_others(connection: sa.Connection, worker_id: str) -> list[Lease]:
    """The living leases of all workers but this one."""
    return [Lease(**row) for row in connection.execute(OF_OTHERS, {"worker_id": worker_id}).mappings()]


def give_up(connection: sa.Connection, lease: Lease) -> bool:
    """Nobody holds it any more, as `LeaseWatch` has seen. False when it was renewed meanwhile, or is gone."""
    values = {
        "run_id": lease.run_id,
        "step_key": lease.step_key,
        "token": lease.token,
        "renewed": lease.renewed,
    }
    return connection.execute(GIVE_UP, values).first() is not None


def release(connection: sa.Connection, claim: Claim, *, ended: bool = True) -> None:
    """Give the lease back. Harmless when it is somebody else's by now. `ended`: what it covers has an end."""
    values = {"run_id": claim.run_id, "step_key": claim.step_key, "token": claim.token}
    connection.execute(RELEASE if ended else ABANDON, values)


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
    """Remove the lost leases of a run that has ended, its steps' included."""
    connection.execute(FORGET_RUN, {"run_id": run_id})


def forget_ended(connection: sa.Connection) -> None:
    """Remove the lost leases of all runs that are over, whoever held them."""
    connection.execute(FORGET_ENDED)


def of_runs(connection: sa.Connection, run_ids: Sequence[str], step_key: str = "") -> dict[str, Lease]:
    """The leases, living or lost, of these runs (or of this step of them), by run id."""
    rows = connection.execute(OF_RUN, {"run_ids": list(run_ids), "step_key": step_key}).mappings()
    return {row["run_id"]: Lease(**row) for row in rows}

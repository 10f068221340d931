"""Workers that beat, and leases that expire.

A lease is a worker's renewable, expiring claim on a run (step '' ) or on one step of it.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.workers (
            id          text PRIMARY KEY,
            host        text NOT NULL,
            pid         integer NOT NULL,
            queues      text[] NOT NULL,
            slots       integer NOT NULL CHECK (slots > 0),
            versions    jsonb NOT NULL DEFAULT '{}',
            started     timestamptz NOT NULL DEFAULT now(),
            heartbeat   timestamptz NOT NULL DEFAULT now(),
            draining    boolean NOT NULL DEFAULT false
        );
        CREATE TABLE signalbox.leases (
            run_id      text NOT NULL,
            step_key    text NOT NULL DEFAULT '',
            worker_id   text NOT NULL,
            host        text NOT NULL,
            pid         integer NOT NULL,
            queue       text NOT NULL,
            token       uuid NOT NULL,
            acquired    timestamptz NOT NULL DEFAULT now(),
            renewed     timestamptz NOT NULL DEFAULT now(),
            expires     timestamptz NOT NULL,
            grace_seconds double precision NOT NULL DEFAULT 10,
            PRIMARY KEY (run_id, step_key)
        );
        CREATE INDEX leases_by_expiry ON signalbox.leases (expires);
        CREATE INDEX leases_by_worker ON signalbox.leases (worker_id);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

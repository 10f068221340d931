"""What runs are the only ones of, which pass over the queue it is, and which daemons there are."""

from alembic import op

revision = "0007"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        -- One run per occurrence, per run key, per attempt at a task. Written in one statement with the run.
        CREATE TABLE signalbox.run_claims (
            claim       text PRIMARY KEY,
            run_id      text NOT NULL,
            claimed     timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX run_claims_by_run ON signalbox.run_claims (run_id);
        -- Runs are let out by whoever moves this on from the number at which it has counted.
        CREATE TABLE signalbox.queue_pass (
            alone       boolean PRIMARY KEY DEFAULT true CHECK (alone),
            number      bigint NOT NULL DEFAULT 0
        ) WITH (fillfactor = 10);
        INSERT INTO signalbox.queue_pass DEFAULT VALUES;
        CREATE TABLE signalbox.daemons (
            id          text PRIMARY KEY,
            host        text NOT NULL,
            pid         integer NOT NULL,
            started     timestamptz NOT NULL DEFAULT now(),
            heartbeat   timestamptz NOT NULL DEFAULT now()
        );
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

"""What the webserver's doors keep: answers to repeated requests, leases on tasks, entries put off."""

from alembic import op

revision = "0020"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.idempotency_keys (
            actor         text NOT NULL,
            key           text NOT NULL,
            route         text NOT NULL,                 -- POST /jobs/deploy/runs
            fingerprint   text NOT NULL,                 -- SHA-256 of the body
            status        integer,                       -- NULL: the first request is still being answered
            headers       jsonb,
            body          text,
            created_at    timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (actor, key)
        );
        CREATE INDEX idempotency_keys_by_age ON signalbox.idempotency_keys (created_at);

        CREATE TABLE signalbox.task_leases (
            run_id        text PRIMARY KEY,              -- lease-..., the holder in the assignment
            digest        text NOT NULL UNIQUE,          -- SHA-256 of the token
            run_key       text NOT NULL,
            backend       text NOT NULL,
            task_id       bigint NOT NULL,
            agent         text NOT NULL,
            queue         text NOT NULL,
            attempt       integer NOT NULL,
            max_attempts  integer NOT NULL,
            holder        text NOT NULL,                 -- who claimed
            seconds       integer NOT NULL CHECK (seconds > 0),
            claimed_at    timestamptz NOT NULL DEFAULT now(),
            expires_at    timestamptz NOT NULL
        );
        CREATE INDEX task_leases_by_end ON signalbox.task_leases (expires_at);

        CREATE TABLE signalbox.inbox_put_off (
            entry         text PRIMARY KEY,
            until         timestamptz,                   -- NULL: for good
            by            text NOT NULL,
            at            timestamptz NOT NULL DEFAULT now()
        );
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

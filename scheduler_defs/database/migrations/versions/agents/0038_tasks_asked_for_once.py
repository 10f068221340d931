"""What requests with an Idempotency-Key have done to tasks, written in the transaction that does it."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.task_requests (
            request     text PRIMARY KEY,           -- digest of who asks, his key, and what he asks for
            task_ids    bigint[],                   -- added, or commented on; NULL before the commit only
            done_at     timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX task_requests_by_age ON signalbox.task_requests (done_at);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

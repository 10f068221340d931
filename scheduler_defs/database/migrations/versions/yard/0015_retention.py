"""Retention: up to where things were dropped, so that nobody takes what is gone for what never was."""

from alembic import op

revision = "0015"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.retention_marks (
            what        text PRIMARY KEY,                    -- 'ledger', 'pruned'
            before      timestamptz NOT NULL                 -- older than this may be gone
        );
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

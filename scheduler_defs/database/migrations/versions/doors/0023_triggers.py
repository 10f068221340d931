"""Requests that triggers have taken: each runs its job once."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.trigger_deliveries (
            digest        text PRIMARY KEY,              -- SHA-256 of the trigger's name and the signature
            trigger       text NOT NULL,
            run_id        text,                          -- NULL: not launched, or not known to be
            taken_at      timestamptz NOT NULL DEFAULT now(),
            forget_at     timestamptz                    -- refused for its age then; NULL: never
        );
        CREATE INDEX trigger_deliveries_by_end ON signalbox.trigger_deliveries (forget_at);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

"""Who has taken note of an alert, and whether others were told because nobody had."""

from alembic import op

revision = "0027"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE signalbox.alerts
            ADD COLUMN acknowledged_at timestamptz,
            ADD COLUMN acknowledged_by text,
            ADD COLUMN escalated_at    timestamptz;
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

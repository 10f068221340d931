"""Which tasks are due: for alerts."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX tasks_due ON signalbox.tasks (deadline)
            WHERE deadline IS NOT NULL AND status IN ('idle', 'working', 'waiting_for_human');
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

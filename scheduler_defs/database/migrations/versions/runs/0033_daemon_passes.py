"""How long the daemon's passes over the queue take: for metrics."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE signalbox.daemons
            ADD COLUMN iteration_seconds double precision;  -- the longest pass since the beat before
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

"""A lease is lost when somebody says so, not when a clock does; and workers say how much they run.

`expires` stays for workers of the release before, and as what people read.
"""

from alembic import op

revision = "0008"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE signalbox.leases ADD COLUMN lost timestamptz;
        ALTER TABLE signalbox.workers ADD COLUMN busy integer NOT NULL DEFAULT 0 CHECK (busy >= 0);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

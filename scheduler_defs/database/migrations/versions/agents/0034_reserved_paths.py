"""Paths that a task reserves while it is worked on."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE signalbox.tasks ADD COLUMN paths text[] NOT NULL DEFAULT '{}';
        CREATE INDEX tasks_reserving ON signalbox.tasks (id) WHERE status = 'working' AND paths <> '{}';
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

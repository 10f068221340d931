"""When the pause of an agent is over by itself."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE signalbox.agent_states ADD COLUMN ends_at timestamptz")


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

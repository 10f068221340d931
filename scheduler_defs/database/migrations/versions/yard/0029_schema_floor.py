"""Which programs still run on the tables: a migration that takes something away raises the floor."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.schema_floor (
            one       boolean PRIMARY KEY DEFAULT true CHECK (one),
            revision  text NOT NULL          -- a program that knows this migration runs on the tables
        );
        INSERT INTO signalbox.schema_floor (revision) VALUES ('0029');
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

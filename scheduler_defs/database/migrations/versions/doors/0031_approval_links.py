"""Links in alerts by which an approval was decided: each once."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.approval_links (
            alert         bigint PRIMARY KEY,                -- the alert that it was sent with
            approval      bigint NOT NULL REFERENCES signalbox.approvals ON DELETE CASCADE,
            person        text NOT NULL,                     -- for whom it was decided
            used_at       timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX approval_links_of_approval ON signalbox.approval_links (approval);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

"""Tasks that are also files: which file is which task, and what both said when they last agreed.

Revision ID: 0040
Revises: 0039
"""

from __future__ import annotations

from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """A task that is deleted leaves its row: or its file would be taken for a new task."""
    op.execute(
        """
        CREATE TABLE signalbox.task_files (
            key       text PRIMARY KEY,              -- in the file, made before the task is
            task_id   bigint NOT NULL UNIQUE,
            agreed    jsonb NOT NULL,                -- what file and task said when they were last the same
            synced_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )


def downgrade() -> None:
    """Migrations are append-only."""
    raise NotImplementedError

"""What each agent was given of late: queues with weights take turns by it.

Revision ID: 0039
Revises: 0038
"""

from __future__ import annotations

from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Readers and writers of the release before do not notice it."""
    op.execute("CREATE INDEX assignments_by_agent ON signalbox.assignments (agent, requested_at)")


def downgrade() -> None:
    """Migrations are append-only."""
    raise NotImplementedError

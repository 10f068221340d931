"""Agent queues: which stack this is, deadlines in the order of tasks, and attempts that do not count.

Several stacks may share one TinyTask server; each marks its claims with its identity.
"""

from alembic import op

revision = "0011"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.identity (
            one  boolean PRIMARY KEY DEFAULT true CHECK (one),
            id   uuid NOT NULL DEFAULT gen_random_uuid()
        );
        INSERT INTO signalbox.identity DEFAULT VALUES;
        ALTER TABLE signalbox.tasks ADD COLUMN uncounted integer NOT NULL DEFAULT 0 CHECK (uncounted >= 0);
        COMMENT ON COLUMN signalbox.tasks.uncounted IS
            'runs that ended for reasons that are neither the task''s nor its agent''s: they are no attempts';
        CREATE INDEX tasks_placeable_by_deadline ON signalbox.tasks
            (queue, coalesce(assigned_to, ''), capabilities, deadline, id)
            WHERE status = 'idle' AND NOT blocked AND NOT held AND deadline IS NOT NULL;
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

"""A question ends with its task: one that a person has completed or put back waits for no answer any more.

Revision ID: 0037
Revises: 0036
"""

from __future__ import annotations

from alembic import op

revision = "0037"
down_revision = "0036"

LEFT = "kind = 'question' AND closed_at IS NULL"


def upgrade() -> None:
    """Whoever moves the task on closes it, in the same transaction."""
    op.execute(
        f"""
        CREATE FUNCTION signalbox.close_question() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE signalbox.inbox SET closed_at = now() WHERE subject = 'task:' || NEW.id AND {LEFT};
            RETURN NULL;
        END $$;
        CREATE TRIGGER question_ends AFTER UPDATE OF status ON signalbox.tasks FOR EACH ROW
            WHEN (OLD.status = 'waiting_for_human' AND NEW.status <> 'waiting_for_human')
            EXECUTE FUNCTION signalbox.close_question();
        UPDATE signalbox.inbox SET closed_at = now() FROM signalbox.tasks
        WHERE subject = 'task:' || tasks.id AND tasks.status <> 'waiting_for_human' AND {LEFT};
        """  # noqa: S608 - no value of anybody's
    )


def downgrade() -> None:
    """Migrations are append-only."""
    raise NotImplementedError

"""Quota pools, questions of agents to people, and tasks that wait for an answer."""

from alembic import op

revision = "0014"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE signalbox.tasks DROP CONSTRAINT tasks_status_check;
        ALTER TABLE signalbox.tasks ADD CONSTRAINT tasks_status_check
            CHECK (status IN ('idle', 'working', 'waiting_for_human', 'complete', 'failed', 'canceled'));

        CREATE TABLE signalbox.quota_pools (
            pool          text PRIMARY KEY,
            closed_until  timestamptz,
            closed_at     timestamptz,                   -- when the provider refused
            reason        text NOT NULL DEFAULT '',
            rejections    integer NOT NULL DEFAULT 0,    -- in a row, of which nobody said until when
            run_id        text,                          -- whose run was refused
            changed_at    timestamptz NOT NULL DEFAULT now()
        );
        -- A pool that opens or closes is a reason to look at the queues.
        CREATE FUNCTION signalbox.note_quota() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('signalbox_tasks', '');
            RETURN NULL;
        END $$;
        CREATE TRIGGER quota_pools_note AFTER UPDATE ON signalbox.quota_pools FOR EACH ROW
            WHEN (OLD.closed_until IS DISTINCT FROM NEW.closed_until)
            EXECUTE FUNCTION signalbox.note_quota();

        CREATE TABLE signalbox.inbox (
            id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            kind          text NOT NULL,
            subject       text NOT NULL,                 -- task:12
            key           text NOT NULL UNIQUE,          -- what makes asking twice one question
            body          text NOT NULL,
            details       jsonb NOT NULL DEFAULT '{}',
            asked_by      text NOT NULL,
            asked_at      timestamptz NOT NULL DEFAULT now(),
            answer        text,
            answered_by   text,
            answered_at   timestamptz,
            closed_at     timestamptz,                   -- answered, or no longer asked
            CHECK ((answer IS NULL) = (answered_at IS NULL)),
            CHECK (answered_at IS NULL OR closed_at IS NOT NULL)
        );
        CREATE INDEX inbox_open ON signalbox.inbox (asked_at) WHERE closed_at IS NULL;
        CREATE INDEX inbox_by_subject ON signalbox.inbox (subject, id);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

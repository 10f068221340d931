"""What agents' turns use, while they go on and when they have ended: what budgets count."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.agent_turns (
            run_id         text NOT NULL,
            turn           integer NOT NULL,
            backend        text NOT NULL,
            task_id        bigint NOT NULL,
            agent          text NOT NULL,
            queue          text NOT NULL,
            began_at       timestamptz NOT NULL,
            seen_at        timestamptz NOT NULL DEFAULT now(),
            ended_at       timestamptz,
            seconds        double precision NOT NULL DEFAULT 0,
            tokens         bigint NOT NULL DEFAULT 0,        -- fresh, in and out
            cached_tokens  bigint NOT NULL DEFAULT 0,
            turns          bigint NOT NULL DEFAULT 0,        -- as the program counts them
            cost_usd       double precision NOT NULL DEFAULT 0,
            quiet_since    timestamptz,                      -- no output, no CPU time, no changed file
            quiet_why      text,
            PRIMARY KEY (run_id, turn)
        );
        CREATE INDEX agent_turns_by_time ON signalbox.agent_turns (began_at);
        CREATE INDEX agent_turns_by_task ON signalbox.agent_turns (backend, task_id);
        CREATE INDEX agent_turns_live ON signalbox.agent_turns (run_id) WHERE ended_at IS NULL;
        CREATE INDEX inbox_of_budgets ON signalbox.inbox ((details ->> 'budget'))
            WHERE details ->> 'budget' IS NOT NULL;
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

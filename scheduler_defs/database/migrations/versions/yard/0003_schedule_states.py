"""What schedules must remember between ticks: pauses, the newest occurrence dealt with, condition results."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        -- A pause that has ended stays: occurrences before its end are never caught up.
        CREATE TABLE signalbox.pauses (
            schedule    text PRIMARY KEY,
            reason      text,
            actor       text NOT NULL,
            since       timestamptz NOT NULL DEFAULT now(),
            until       timestamptz CHECK (until >= since)
        );
        CREATE TABLE signalbox.schedule_states (
            schedule    text PRIMARY KEY,
            handled     timestamptz,  -- newest occurrence that was run, skipped or given up
            holds       boolean,      -- last result of the condition, null before the first
            fired       timestamptz,  -- when the condition last started a run
            errors      integer NOT NULL DEFAULT 0  -- condition errors in a row
        );
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

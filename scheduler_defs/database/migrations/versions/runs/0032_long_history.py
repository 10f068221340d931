"""A long history: the newest run of a schedule at once, and snapshots that no run refers to any more."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.unused_snapshots (
            snapshot_id text PRIMARY KEY,               -- of Dagster's snapshots: no run refers to it
            since       timestamptz NOT NULL            -- and nobody has asked for it since
        );
        -- As before, and two indexes: Dagster's own of the tags is not in the order of runs, and without one
        -- of the snapshots dropping one would read all runs. Its tables may be made after ours: called again.
        CREATE OR REPLACE FUNCTION signalbox.follow_runs() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            IF to_regclass('runs') IS NULL THEN
                RETURN;
            END IF;
            IF to_regclass('signalbox_runs_of_schedule') IS NULL THEN
                CREATE INDEX signalbox_runs_of_schedule ON run_tags (value, id)
                    WHERE key = 'signalbox/schedule';
            END IF;
            IF to_regclass('signalbox_runs_of_snapshot') IS NULL THEN
                CREATE INDEX signalbox_runs_of_snapshot ON runs (snapshot_id);
            END IF;
            IF EXISTS (
                SELECT FROM pg_trigger
                WHERE tgrelid = to_regclass('runs') AND tgname = 'signalbox_run_created'
            ) THEN
                RETURN;
            END IF;
            CREATE TRIGGER signalbox_run_created AFTER INSERT ON runs
                FOR EACH ROW EXECUTE FUNCTION signalbox.tell_occurrence();
            CREATE TRIGGER signalbox_run_ended AFTER UPDATE ON runs
                FOR EACH ROW
                WHEN (OLD.status IS DISTINCT FROM NEW.status
                      AND NEW.status IN ('SUCCESS', 'FAILURE', 'CANCELED'))
                EXECUTE FUNCTION signalbox.tell_occurrence();
        END
        $$;
        SELECT signalbox.follow_runs();
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

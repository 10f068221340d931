"""The ledger: what became of every occurrence, by which declarations, and when schedules rested."""

from alembic import op

revision = "0006"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.declaration_versions (
            id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            hash        text NOT NULL,               -- SHA-256 of the normalised content, in hex
            content     jsonb NOT NULL,
            actor       text NOT NULL,
            since       timestamptz NOT NULL,        -- in force from then
            until       timestamptz CHECK (until >= since)
        );
        -- One set is in force at a time.
        CREATE UNIQUE INDEX declaration_versions_in_force
            ON signalbox.declaration_versions ((true)) WHERE until IS NULL;
        CREATE INDEX declaration_versions_by_time ON signalbox.declaration_versions (since);

        CREATE TABLE signalbox.schedule_rules (
            schedule    text NOT NULL,
            since       timestamptz NOT NULL,        -- occurrences after this instant are the rule's
            until       timestamptz,                 -- up to and including this one
            decided     timestamptz,                 -- newest occurrence dealt with when the rule ended
            version     bigint NOT NULL REFERENCES signalbox.declaration_versions (id),
            hash        text NOT NULL,
            rule        jsonb NOT NULL,
            PRIMARY KEY (schedule, since)
        );
        CREATE UNIQUE INDEX schedule_rules_in_force
            ON signalbox.schedule_rules (schedule) WHERE until IS NULL;

        CREATE TABLE signalbox.schedule_changes (
            id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            schedule    text NOT NULL,               -- switches: Dagster's name; pauses: the declared one
            at          timestamptz NOT NULL,
            change      text NOT NULL CHECK (change IN ('on', 'off', 'as_declared', 'paused', 'resumed')),
            until       timestamptz,                 -- of a pause that ends by itself
            actor       text,
            reason      text
        );
        CREATE INDEX schedule_changes_by_schedule ON signalbox.schedule_changes (schedule, at);

        CREATE TABLE signalbox.occurrences (
            schedule    text NOT NULL,
            due         timestamptz NOT NULL,
            job         text,
            outcome     text NOT NULL CHECK (outcome IN (
                'launched', 'skipped', 'missed', 'collapsed', 'misfired', 'deferred', 'cancelled',
                'run_early')),
            reason      text,                        -- a code; null: nothing to say
            numbers     jsonb NOT NULL DEFAULT '{}', -- what the reason speaks of
            run_id      text CHECK ((run_id IS NOT NULL) = (outcome IN ('launched', 'run_early'))),
            created_at  timestamptz,                 -- when its run was created
            attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            status      text,                        -- of the last attempt, as Dagster names it
            tick        timestamptz,                 -- the tick that decided it
            gap_since   timestamptz,                 -- this row also speaks for older ones from then on
            decided_at  timestamptz NOT NULL,
            decided_by  text NOT NULL,
            version     bigint,
            UNIQUE (schedule, due)
        );
        CREATE UNIQUE INDEX occurrences_by_run ON signalbox.occurrences (run_id) WHERE run_id IS NOT NULL;
        CREATE INDEX occurrences_open ON signalbox.occurrences (schedule)
            WHERE outcome = 'deferred' OR (outcome = 'launched' AND created_at IS NULL);
        CREATE INDEX occurrences_by_time ON signalbox.occurrences (decided_at);

        -- Pauses that are in force already.
        INSERT INTO signalbox.schedule_changes (schedule, at, change, until, actor, reason)
        SELECT schedule, since, 'paused', until, actor, reason FROM signalbox.pauses;

        -- A run tells its occurrence that it is there and how it ended, in its own transaction; so does every
        -- further attempt. It outlives the run.
        CREATE FUNCTION signalbox.tell_occurrence() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            root text := coalesce(substring(NEW.run_body FROM '"signalbox/root_run": "([^"]+)"'), NEW.run_id);
        BEGIN
            IF TG_OP = 'INSERT' THEN
                UPDATE signalbox.occurrences
                SET created_at = coalesce(created_at, now()), attempts = attempts + 1, status = NEW.status
                WHERE run_id = root;
            ELSE
                UPDATE signalbox.occurrences SET status = NEW.status WHERE run_id = root;
            END IF;
            RETURN NULL;
        END
        $$;
        -- Dagster's tables may be made after ours: called again then. Does nothing the second time.
        CREATE FUNCTION signalbox.follow_runs() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            IF to_regclass('runs') IS NULL OR EXISTS (
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

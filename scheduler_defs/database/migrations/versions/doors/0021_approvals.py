"""Runs that wait until people have agreed to them."""

from alembic import op

revision = "0021"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        -- Written in one statement with the run that waits. One for each declaration that wants it.
        CREATE TABLE signalbox.approvals (
            id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            run_id        text NOT NULL,
            source        text NOT NULL,                     -- job:deploy
            about         jsonb NOT NULL,                    -- the run's job, schedule, queue, owner
            policy        jsonb NOT NULL,                    -- as declared when the run was created
            requested_by  text NOT NULL,
            requested     timestamptz NOT NULL DEFAULT now(),
            expires       timestamptz,
            needs         integer NOT NULL CHECK (needs >= 1),
            state         text NOT NULL DEFAULT 'pending' CHECK (
                state IN ('pending', 'approved', 'denied', 'waived', 'expired', 'withdrawn')),
            reason        text,
            decided       timestamptz,
            settled       timestamptz,                       -- the run of a refused one has ended
            UNIQUE (run_id, source),
            CHECK ((state = 'pending') = (decided IS NULL)),
            CHECK (state <> 'denied' OR reason <> ''),
            CHECK (state NOT IN ('waived', 'expired') OR expires IS NOT NULL)
        );
        CREATE INDEX approvals_holding ON signalbox.approvals (run_id)
            WHERE state NOT IN ('approved', 'waived');
        CREATE INDEX approvals_open ON signalbox.approvals (requested)
            WHERE settled IS NULL AND state IN ('pending', 'denied', 'expired');

        -- Who has said what: each person once.
        CREATE TABLE signalbox.approval_votes (
            approval      bigint NOT NULL REFERENCES signalbox.approvals ON DELETE CASCADE,
            person        text NOT NULL,
            agrees        boolean NOT NULL,
            at            timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (approval, person)
        );
        CREATE FUNCTION signalbox.approval_is_complete() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT count(*) FROM signalbox.approval_votes
                WHERE approval = NEW.id AND agrees) < NEW.needs THEN
                RAISE check_violation
                USING MESSAGE = 'approval ' || NEW.id || ': fewer have agreed than it needs';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER approvals_complete BEFORE INSERT OR UPDATE ON signalbox.approvals FOR EACH ROW
            WHEN (NEW.state = 'approved') EXECUTE FUNCTION signalbox.approval_is_complete();
        CREATE FUNCTION signalbox.approval_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE check_violation USING MESSAGE = 'approval ' || OLD.id || ' is decided: ' || OLD.state;
        END $$;
        CREATE TRIGGER approvals_final BEFORE UPDATE ON signalbox.approvals FOR EACH ROW
            WHEN (OLD.state <> 'pending' AND NEW.state <> OLD.state)
            EXECUTE FUNCTION signalbox.approval_is_final();

        -- Runs that nobody may let out.
        CREATE VIEW signalbox.held_runs AS
            SELECT run_id FROM signalbox.approvals WHERE state NOT IN ('approved', 'waived');

        -- What is decided changes what may go out.
        CREATE FUNCTION signalbox.note_approval() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('signalbox_queue', '');
            RETURN NULL;
        END $$;
        CREATE TRIGGER approvals_note AFTER UPDATE OF state ON signalbox.approvals FOR EACH ROW
            EXECUTE FUNCTION signalbox.note_approval();
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

"""The audit: entries that are only added, the head of their chain, and what retention has cut off.

An entry is written without a sequence; the one sealer gives it the next one and its hash. So writing costs
one insert and waits for nobody, and the chain has no holes whatever order transactions commit in.
"""

from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.audit_log (
            id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            sequence    bigint UNIQUE CHECK (sequence > 0),     -- null until sealed
            at          timestamptz NOT NULL DEFAULT clock_timestamp(),
            actor       text NOT NULL,
            channel     text NOT NULL,
            action      text NOT NULL,
            subject     text NOT NULL,
            reason      text,
            request_id  text,
            run_id      text,
            before      jsonb,
            after       jsonb,
            previous    text,
            hash        text,
            CHECK ((sequence IS NULL) = (hash IS NULL)),
            CHECK ((sequence IS NULL) = (previous IS NULL))
        );
        -- The same request asked twice is one entry.
        CREATE UNIQUE INDEX audit_once ON signalbox.audit_log (request_id, action, subject)
            WHERE request_id IS NOT NULL;
        CREATE INDEX audit_unsealed ON signalbox.audit_log (id) WHERE sequence IS NULL;
        CREATE INDEX audit_by_time ON signalbox.audit_log (at);
        CREATE INDEX audit_by_subject ON signalbox.audit_log (subject, id);
        CREATE INDEX audit_by_actor ON signalbox.audit_log (actor, id);

        CREATE TABLE signalbox.audit_head (
            one         boolean PRIMARY KEY DEFAULT true CHECK (one),
            sequence    bigint NOT NULL,                        -- the newest sealed entry
            hash        text NOT NULL
        );
        INSERT INTO signalbox.audit_head (sequence, hash) VALUES (0, repeat('0', 64));

        -- Up to where retention has cut the chain off, signed: the chain goes on from here.
        CREATE TABLE signalbox.audit_anchors (
            sequence    bigint PRIMARY KEY,
            hash        text NOT NULL,
            at          timestamptz NOT NULL DEFAULT clock_timestamp(),
            signature   text NOT NULL
        );

        CREATE FUNCTION signalbox.audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF current_setting('signalbox.pruning', true) = 'on' THEN
                    RETURN OLD;
                END IF;
                RAISE EXCEPTION 'audit entries are not deleted (retention does, with a signed anchor)';
            END IF;
            IF OLD.sequence IS NULL AND NEW.sequence IS NOT NULL
               AND (OLD.id, OLD.at, OLD.actor, OLD.channel, OLD.action, OLD.subject)
                   = (NEW.id, NEW.at, NEW.actor, NEW.channel, NEW.action, NEW.subject)
               AND (OLD.reason, OLD.request_id, OLD.run_id, OLD.before, OLD.after)
                   IS NOT DISTINCT FROM (NEW.reason, NEW.request_id, NEW.run_id, NEW.before, NEW.after) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'audit entries are not changed';
        END
        $$;
        CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON signalbox.audit_log
            FOR EACH ROW EXECUTE FUNCTION signalbox.audit_only_grows();
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

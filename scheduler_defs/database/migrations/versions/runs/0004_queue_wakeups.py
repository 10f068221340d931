"""Tell who waits at once: that a slot became free, a step ended, a worker came, changed or drains.

Who is woken looks for itself; only a step's end names its run. Beats and renewals announce nothing.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION signalbox.announce_queue() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('signalbox_queue', '');
            RETURN NULL;
        END
        $$;
        CREATE FUNCTION signalbox.announce_free_slot() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('signalbox_queue', '');
            IF OLD.step_key <> '' THEN
                PERFORM pg_notify('signalbox_steps', OLD.run_id);
            END IF;
            RETURN NULL;
        END
        $$;
        CREATE TRIGGER lease_given_back AFTER DELETE ON signalbox.leases
            FOR EACH ROW EXECUTE FUNCTION signalbox.announce_free_slot();
        CREATE TRIGGER worker_came AFTER INSERT ON signalbox.workers
            FOR EACH ROW EXECUTE FUNCTION signalbox.announce_queue();
        CREATE TRIGGER worker_changed AFTER UPDATE ON signalbox.workers
            FOR EACH ROW
            WHEN ((OLD.queues, OLD.slots, OLD.draining)
                  IS DISTINCT FROM (NEW.queues, NEW.slots, NEW.draining))
            EXECUTE FUNCTION signalbox.announce_queue();
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

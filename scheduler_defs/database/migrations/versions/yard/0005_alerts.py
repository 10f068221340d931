"""Alerts: what the sensor `alerts` remembers, and the alerts that it has decided to send.

An alert is written in the transaction that moves the sensor's position past what caused it. So none is lost
and none is decided twice, whatever is killed; it is sent afterwards, at least once.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.alert_memory (
            one         boolean PRIMARY KEY DEFAULT true CHECK (one),
            position    jsonb NOT NULL,                  -- up to where has been read
            streaks     jsonb NOT NULL,                  -- what goes wrong now, by rule and subject
            updated_at  timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE signalbox.alerts (
            id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            channel     text NOT NULL,
            rule        text NOT NULL,
            document    jsonb NOT NULL,
            created_at  timestamptz NOT NULL DEFAULT now(),
            attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            due_at      timestamptz NOT NULL DEFAULT now(),
            sent_at     timestamptz,
            given_up_at timestamptz,
            fault       text,                            -- why it was not delivered; never an address
            CHECK (sent_at IS NULL OR given_up_at IS NULL)
        );
        CREATE INDEX alerts_due ON signalbox.alerts (due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
        CREATE INDEX alerts_by_age ON signalbox.alerts (created_at);
        CREATE INDEX alerts_by_channel ON signalbox.alerts (channel, sent_at);
        CREATE INDEX alerts_by_rule ON signalbox.alerts (rule, sent_at);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

"""Who comes to the webserver: people with passwords, their logins, and API tokens.

Of every secret only a hash is here: whoever reads the tables can come in with none of them.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.people (
            name          text PRIMARY KEY CHECK (name <> ''),
            password_hash text NOT NULL,                     -- argon2id, with its parameters
            created_at    timestamptz NOT NULL DEFAULT now(),
            changed_at    timestamptz NOT NULL DEFAULT now(),
            last_login    timestamptz
        );
        CREATE TABLE signalbox.web_sessions (
            digest        text PRIMARY KEY,                  -- SHA-256 of the cookie
            person        text NOT NULL REFERENCES signalbox.people (name) ON DELETE CASCADE,
            created_at    timestamptz NOT NULL DEFAULT now(),
            expires       timestamptz NOT NULL
        );
        CREATE INDEX web_sessions_of_person ON signalbox.web_sessions (person);
        CREATE INDEX web_sessions_by_end ON signalbox.web_sessions (expires);
        CREATE TABLE signalbox.api_tokens (
            name          text PRIMARY KEY CHECK (name <> ''),
            digest        text NOT NULL UNIQUE,              -- SHA-256 of the token
            role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'editor', 'admin')),
            scope         jsonb NOT NULL DEFAULT '{}',       -- globs by schedules, jobs, queues, owners
            created_by    text NOT NULL,
            created_at    timestamptz NOT NULL DEFAULT now(),
            expires       timestamptz,
            last_used     timestamptz
        );
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

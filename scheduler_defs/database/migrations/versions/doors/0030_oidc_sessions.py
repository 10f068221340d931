"""Logins of people whom an OpenID Connect provider vouches for: theirs is no row in `people`."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.oidc_sessions (
            digest        text PRIMARY KEY,                  -- SHA-256 of the cookie
            login         text NOT NULL UNIQUE,              -- SHA-256 of the state: one for each that began
            person        text NOT NULL CHECK (person <> ''),
            groups        text[] NOT NULL DEFAULT '{}',
            issuer        text NOT NULL,
            subject       text NOT NULL,                     -- what the provider calls the person
            created_at    timestamptz NOT NULL DEFAULT now(),
            expires       timestamptz NOT NULL
        );
        CREATE INDEX oidc_sessions_of_person ON signalbox.oidc_sessions (person);
        CREATE INDEX oidc_sessions_by_end ON signalbox.oidc_sessions (expires);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

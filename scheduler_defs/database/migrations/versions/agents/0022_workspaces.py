"""Agents' worktrees, the landing of their work, and their sessions."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE signalbox.workspaces (
            backend       text NOT NULL,
            task_id       bigint NOT NULL,
            host          text NOT NULL,
            path          text NOT NULL,
            slot          integer NOT NULL CHECK (slot >= 0), -- a number of its own among those of the host
            repository    text NOT NULL,
            base          text NOT NULL,
            base_commit   text,                                 -- where the task's branch begins
            branch        text NOT NULL,
            head          text, -- the branch's newest commit, when last looked at
            files         integer,
            added         integer,                              -- lines
            removed       integer,
            setup         text, -- digest of the commands that were run in it
            accepted_at   timestamptz,
            pushed_at     timestamptz,
            keep_seconds  double precision NOT NULL,
            run_id        text,                                 -- the last one that worked in it
            used_at       timestamptz NOT NULL DEFAULT now(),
            removed_at    timestamptz,
            bundle        text, -- what had not been pushed, kept when it was removed
            PRIMARY KEY (backend, task_id, host, path)
        );
        -- Two agents never share a worktree, nor its ports.
        CREATE UNIQUE INDEX workspaces_path ON signalbox.workspaces (host, path) WHERE removed_at IS NULL;
        CREATE UNIQUE INDEX workspaces_slot ON signalbox.workspaces (host, slot) WHERE removed_at IS NULL;
        CREATE INDEX workspaces_used ON signalbox.workspaces (host, used_at) WHERE removed_at IS NULL;

        CREATE TABLE signalbox.landings (
            id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they land
            backend       text NOT NULL,
            task_id       bigint NOT NULL,
            title         text NOT NULL,
            queue         text NOT NULL,
            agent         text NOT NULL,
            run_id        text NOT NULL UNIQUE, -- the run whose work lands, and holds the task
            attempt       integer NOT NULL,
            max_attempts  integer NOT NULL,
            repository    text NOT NULL,
            base          text NOT NULL,
            branch        text NOT NULL,
            head          text NOT NULL,
            way           text NOT NULL CHECK (way IN ('rebase', 'merge')),
            checks        jsonb NOT NULL, -- commands of setup and acceptance, as declared then
            result        text, -- the commit that is about to become the base
            detail        text,
            asked_at      timestamptz,                          -- when a run was last asked for
            asked         integer NOT NULL DEFAULT 0,
            created_at    timestamptz NOT NULL DEFAULT now(),
            ended_at      timestamptz,
            ending        text CHECK (ending IN ('landed', 'refused', 'withdrawn')),
            CHECK ((ending IS NULL) = (ended_at IS NULL))
        );
        CREATE UNIQUE INDEX landings_open ON signalbox.landings (backend, task_id) WHERE ended_at IS NULL;
        CREATE INDEX landings_waiting ON signalbox.landings (repository, id) WHERE ended_at IS NULL;
        CREATE INDEX landings_by_task ON signalbox.landings (backend, task_id, id);

        CREATE TABLE signalbox.agent_sessions (
            id            text NOT NULL,                        -- as the program names it
            cli           text NOT NULL,
            backend       text NOT NULL,
            task_id       bigint NOT NULL,
            agent         text NOT NULL,
            host          text NOT NULL,
            workspace     text,
            run_id        text NOT NULL,
            state         text NOT NULL,
            turns         integer NOT NULL DEFAULT 0,
            tokens        bigint NOT NULL DEFAULT 0,
            cached        bigint NOT NULL DEFAULT 0,
            cost_usd      double precision,
            began_at      timestamptz NOT NULL DEFAULT now(),
            last_seen     timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (id, cli)
        );
        CREATE INDEX agent_sessions_by_task ON signalbox.agent_sessions (backend, task_id);
        CREATE INDEX agent_sessions_seen ON signalbox.agent_sessions (last_seen);
        """
    )


def downgrade() -> None:
    raise NotImplementedError("migrations are append-only: write a new one")

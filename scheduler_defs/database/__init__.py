"""Signalbox's own tables: schema `signalbox`, beside Dagster's, with its own Alembic history."""

from __future__ import annotations

import sqlalchemy as sa

from scheduler_defs.database.engine import engine

__all__ = ["engine", "upgrade"]


def upgrade(on: sa.Engine) -> None:
    """Create or upgrade the schema (see `migrate.upgrade`). Alembic is loaded only where it is needed."""
    from scheduler_defs.database import migrate

    migrate.upgrade(on)

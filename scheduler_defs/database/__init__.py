"""Signalbox's own tables: schema `signalbox`, beside Dagster's, with its own Alembic history."""

from __future__ import annotations

import sqlalchemy as sa

from scheduler_defs.database.engine import engine

__all__ = ["engine", "follow_runs", "upgrade"]


def upgrade(on: sa.Engine) -> None:
    """Create or upgrade the schema (see `migrate.upgrade`). Alembic is loaded only where it is needed."""
    from scheduler_defs.database import migrate

    migrate.upgrade(on)


def follow_runs(on: sa.Engine) -> None:
    """Have Dagster's runs tell the ledger how they go, once there are tables of Dagster's. Safe to repeat."""
    with on.begin() as connection:
        connection.execute(sa.text("SELECT signalbox.follow_runs()"))

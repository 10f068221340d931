"""Signalbox's own tables: schema `signalbox`, beside Dagster's, with its own Alembic history."""

from scheduler_defs.database.engine import engine
from scheduler_defs.database.migrate import upgrade

__all__ = ["engine", "upgrade"]

"""Bring the `signalbox` schema to the newest version. Migrations are append-only."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
# One migration at a time, whoever starts first: an advisory lock held for the length of the upgrade.
_LOCK = 0x51674E61


def upgrade(engine: sa.Engine) -> None:
    """Create or upgrade the schema. Safe to call from several processes at once, and again."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS signalbox"))
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            connection.commit()

"""Bring the database up to date: Dagster's tables and Signalbox's own, in one process.

Run as `python -m scheduler_defs.stack.migrate`, with the exports of `signalbox env`. Safe to repeat.
"""

from __future__ import annotations


def migrate() -> None:
    """Create or upgrade all tables in `SIGNALBOX_POSTGRES_URL`."""
    from dagster import DagsterInstance

    from scheduler_defs import database

    database.upgrade(database.engine())
    with DagsterInstance.get() as instance:
        instance.upgrade()


if __name__ == "__main__":
    migrate()

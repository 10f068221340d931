"""Bring the `signalbox` schema to the newest version. Migrations are append-only."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from scheduler_defs.errors import SignalboxError

MIGRATIONS = Path(__file__).parent / "migrations"
# One migration at a time, whoever starts first: an advisory lock held for the length of the upgrade.
_LOCK = 0x51674E61
_log = logging.getLogger(__name__)


def upgrade(engine: sa.Engine) -> None:
    """Create or upgrade the schema. Safe to call from several processes at once, and again.

    A schema that a newer program has made stays as it is, where that program says that this one runs on it.
    """
    config = alembic_config()
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS signalbox"))
            connection.commit()
            if _stays_as_it_is(connection, config):
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            connection.commit()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands among the migrations. `current`: None for one without our tables."""

    current: str | None
    newest: str
    pending: tuple[str, ...]
    """Still to run, in order."""
    unknown: tuple[str, ...]
    """Those that only a newer program knows."""
    floor: str | None = None
    """The migration that a program must know to run on the tables; None: it must know all of them."""
    runs: bool = True
    """Whether this program runs on the tables, once what is pending is done."""


def standing(connection: sa.Connection, config: Config | None = None) -> Standing:
    """Look; nothing is changed."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(config or alembic_config())
    order = [revision.revision for revision in script.walk_revisions()][::-1]
    found: set[str] = set()
    if sa.inspect(connection).has_table("alembic_version", schema="signalbox"):
        found = set(
            connection.execute(sa.text("SELECT version_num FROM signalbox.alembic_version")).scalars()
        )
    floor = None
    if sa.inspect(connection).has_table("schema_floor", schema="signalbox"):
        floor = connection.execute(sa.text("SELECT revision FROM signalbox.schema_floor")).scalar()
    known = [place for place, revision in enumerate(order) if revision in found]
    done = max(known) + 1 if known else 0
    return Standing(
        order[done - 1] if done else None,
        script.get_current_head() or "",
        tuple(order[done:]),
        tuple(sorted(found - set(order))),
        floor,
        found <= set(order) or floor in order,
    )


def alembic_config() -> Config:
    """Where Alembic finds the migrations: in folders by what they are about, and in one chain by number."""
    config = Config()
    # A % would begin an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("recursive_version_locations", "true")
    return config


def _stays_as_it_is(connection: sa.Connection, config: Config) -> bool:
    """Whether a newer program has made the schema, and this one runs on it. Raises SignalboxError if not."""
    found = standing(connection, config)
    if not found.unknown:
        return False
    named = f"the database is of a newer Signalbox (schema {', '.join(found.unknown)}"
    if not found.runs:
        raise SignalboxError(
            f"{named}, this one knows up to {found.newest});"
            f" only what knows {found.floor or 'all of it'} runs on it"
        )
    _log.warning("%s); this one runs on it, because it knows %s", named, found.floor)
    return True

"""Which stack this is: of several on one TinyTask server each settles only what its own runs began."""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from scheduler_defs import database
from scheduler_defs.errors import NotReachableError


def own_stack() -> str | None:
    """The identity that the stack's database was given when it was made; None where there is no database."""
    try:
        return _identity(database.engine())
    except (NotReachableError, OperationalError):
        return None


@lru_cache(maxsize=8)
def _identity(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(sa.text("SELECT id FROM signalbox.identity")).scalar_one())

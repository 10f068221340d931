"""Which daemons there are: one is wanted, and a second by mistake is named.

It does no harm: what it would do twice is unique in the database. But whoever started it meant something
else.
"""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Sequence
from pathlib import Path

import psutil
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from scheduler_defs import database
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.errors import NotReachableError

logger = logging.getLogger(__name__)
statement = NamedSql(Path(__file__).parent / "sql")

SILENCE_SECONDS = 20.0
"""A daemon that has not beaten for so long is gone."""


class DaemonBeat:
    """This process, as others see it in the database."""

    def __init__(self) -> None:
        self._id = str(uuid.uuid4())

    def beat(self, connection: sa.Connection, iteration_seconds: float | None = None) -> None:
        """I am here, and the longest pass over the queue since the last beat took so long.

        Daemons that are gone are forgotten.
        """
        values = {
            "id": self._id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "silence": SILENCE_SECONDS,
            "iteration": iteration_seconds,
        }
        connection.execute(statement("beat"), values)

    def end(self) -> None:
        """I am going. Without the database it is noticed by the silence."""
        try:
            with database.engine().begin() as connection:
                connection.execute(statement("end"), {"id": self._id})
        except (SQLAlchemyError, NotReachableError) as error:
            logger.warning("the end of this daemon is not written: %s", type(error).__name__)


def too_many(connection: sa.Connection) -> list[str]:
    """A line that names all daemons when there are several, else nothing."""
    found = connection.execute(statement("living"), {"silence": SILENCE_SECONDS}).all()
    # One that was killed has not said so; of those on this machine, nobody has to wait for the silence.
    living = [row for row in found if row.host != socket.gethostname() or psutil.pid_exists(row.pid)]
    return [_several([f"{row.host} process {row.pid}" for row in living])] if len(living) > 1 else []


def _several(named: Sequence[str]) -> str:
    return f"{len(named)} daemons run on this database, and one is enough: {', '.join(named)}"

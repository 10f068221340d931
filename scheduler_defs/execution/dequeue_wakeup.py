"""Being woken when the queue may have changed, instead of asking often: Postgres LISTEN and NOTIFY.

Whoever queues a run says so (`announce`); triggers on our own tables say so when a lease is given back or a
worker comes, changes or drains. A missed message costs at most the interval of the loop, so nothing
depends on them but speed.
"""

from __future__ import annotations

import select
import time
from typing import Any

import sqlalchemy as sa

from scheduler_defs import database

CHANNEL = "signalbox_queue"
_ANNOUNCE = sa.text(f"SELECT pg_notify('{CHANNEL}', '')")
_LISTEN = sa.text(f"LISTEN {CHANNEL}")


def announce(connection: sa.Connection) -> None:
    """Wake the dequeue loop, wherever it runs. Takes effect when the transaction commits."""
    connection.execute(_ANNOUNCE)


class WakingConnection:
    """One connection to read from and to listen on; opened when first needed, and again after an error."""

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._connection: sa.Connection | None = None

    def get(self) -> sa.Connection:
        """The connection, in autocommit mode, listening.

        Raises:
            NotReachableError: no database is configured.
            sqlalchemy.exc.DBAPIError: it cannot be reached.
        """
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self.close()
            engine = database.engine(self._url).execution_options(isolation_level="AUTOCOMMIT")
            connection = engine.connect()
            connection.execute(_LISTEN)
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Give the connection up, whatever state it is in. It is not pooled again: it listens."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            connection.invalidate()
            connection.close()

    def wait(self, timeout_seconds: float) -> bool:
        """Until somebody announces a change, or the time is up. True for an announcement.

        Announcements since the last wait count, so none is lost between reading and waiting.
        """
        raw = self._raw()
        if raw is None:
            time.sleep(timeout_seconds)
            return False
        try:
            raw.poll()
            if not raw.notifies:
                select.select([raw], [], [], timeout_seconds)
                raw.poll()
        except (OSError, ValueError, raw.Error):
            self.close()
            time.sleep(timeout_seconds)
            return False
        announced = bool(raw.notifies)
        raw.notifies.clear()
        return announced

    def _raw(self) -> Any:
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            return None
        return self._connection.connection.driver_connection

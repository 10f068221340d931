"""Being woken when something has changed, instead of asking often: Postgres LISTEN and NOTIFY.

Whoever queues a run says so (`announce_queue`); triggers on our own tables say so when a lease is given back,
or a worker comes, changes or drains. A missed message costs at most the interval of whoever waits, so nothing
depends on them but speed.
"""

from __future__ import annotations

import select
import time
from typing import Any

import sqlalchemy as sa

from scheduler_defs import database

QUEUE_CHANNEL = "signalbox_queue"
"""A run was queued, or a slot for runs became free. No payload."""
STEP_CHANNEL = "signalbox_steps"
"""A step gave its lease back. The payload is the run's id."""

_ANNOUNCE = sa.text("SELECT pg_notify(:channel, '')")


def announce_queue(connection: sa.Connection) -> None:
    """Wake the dequeue loop, wherever it runs. Takes effect when the transaction commits."""
    connection.execute(_ANNOUNCE, {"channel": QUEUE_CHANNEL})


class WakingConnection:
    """One connection to read from and to listen on; opened when first needed, and again after an error."""

    def __init__(self, channel: str, url: str | None = None) -> None:
        self._channel = channel
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
            connection.execute(sa.text(f"LISTEN {self._channel}"))
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Give the connection up, whatever state it is in. It is not pooled again: it listens."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            connection.invalidate()
            connection.close()

    def wait(self, timeout_seconds: float, payload: str | None = None) -> bool:
        """Until a message comes, or the time is up. True for a message.

        With `payload`, other messages do not count. Messages since the last wait do, so that none is lost
        between reading and waiting.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            raw = self._raw()
            left = deadline - time.monotonic()
            if raw is None:
                time.sleep(max(left, 0))
                return False
            try:
                raw.poll()
                if not raw.notifies and left > 0:
                    select.select([raw], [], [], left)
                    raw.poll()
            except (OSError, ValueError, raw.Error):
                self.close()
                continue
            heard = [message.payload for message in raw.notifies]
            raw.notifies.clear()
            if (heard and payload is None) or payload in heard:
                return True
            if time.monotonic() >= deadline:
                return False

    def _raw(self) -> Any:
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            return None
        return self._connection.connection.driver_connection

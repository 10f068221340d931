"""One pooled SQLAlchemy engine per process and URL, safe across fork."""

from __future__ import annotations

import os
import select
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from scheduler_defs.database.idle import give_back_idle
from scheduler_defs.errors import NotReachableError
from scheduler_defs.settings import POSTGRES_URL, settings, sqlalchemy_url


def engine(url: str | None = None) -> sa.Engine:
    """The engine for `url`, or for `SIGNALBOX_POSTGRES_URL`.

    A forked child never shares its parent's connections: the engine is looked up by process id.
    """
    found = sqlalchemy_url(url) if url else settings().postgres_url
    if found is None:
        raise NotReachableError(f"no database: set {POSTGRES_URL}, or run this through `signalbox`")
    return _engine(found, os.getpid())


@lru_cache(maxsize=8)
def _engine(url: str, _pid: int) -> sa.Engine:
    made = sa.create_engine(
        url,
        pool_size=2,
        max_overflow=8,
        pool_recycle=1800,
        connect_args=connect_args("signalbox"),
    )
    event.listen(made, "checkout", refuse_closed)
    give_back_idle(made)
    return made


def refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """An idle connection with something to read was closed by the server, and so were those beside it.

    This finds a restarted Postgres without the round trip per checkout that `pool_pre_ping` costs.
    """
    if connection.closed:
        raise exc.InvalidatePoolError("connection is closed")
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if poller.poll(0):
        raise exc.InvalidatePoolError("the server closed the connection")


def connect_args(application: str) -> dict[str, Any]:
    """What libpq is told: who asks, and when a server that says nothing any more is given up.

    After a network that was cut, or a server that lost its power, nobody would tell the waiting side for a
    quarter of an hour, and for hours where it only listens.
    """
    return {
        "connect_timeout": 5,
        "application_name": application,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        # Milliseconds that sent data may stay unacknowledged. Over a Unix socket none of this counts.
        "tcp_user_timeout": 15_000,
    }

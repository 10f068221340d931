"""Pooled Postgres connections under Dagster's storages: safe across fork, healed after a restart.

dagster-postgres opens a connection per statement (NullPool) and asks the database about its own schema at
nearly every query; together that is more than half of what a run costs. Here each process has one pool per
database, and a schema check that was once true is not asked again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc

from scheduler_defs.database.engine import connect_args, refuse_closed
from scheduler_defs.database.idle import give_back_idle
from scheduler_defs.execution.storage.address import address, known_address

PATIENCE = "SIGNALBOX_DATABASE_PATIENCE_SECONDS"

T = TypeVar("T")

_NOWHERE = "postgresql+psycopg2://"
"""For dagster-postgres' constructors, which make an engine that never connects."""


@dataclass(frozen=True)
class PoolOptions:
    """What makes one pool different from another in the same process."""

    url: str
    statement_timeout_milliseconds: int | None = None
    recycle_seconds: int = 1800
    size: int = 6
    overflow: int = 30


_has_tables: set[tuple[type, str]] = set()
_engines: dict[tuple[int, PoolOptions], sa.Engine] = {}
_parents: list[sa.Pool] = []
_lock = threading.Lock()
_longer: Callable[[], bool] = bool  # no
# A thread of the parent may hold the lock while another forks: the child starts with one of its own.
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))


def pooled_engine(options: PoolOptions) -> sa.Engine:
    """The engine of this process for `options`, in autocommit mode as dagster-postgres expects.

    A forked child goes on with the parent's, which knows the server already: six statements less than a new
    one asks. Its connections are its own; the parent's stay referenced, so that nothing in the child closes
    the parent's sockets.
    """
    key = (os.getpid(), options)
    found = _engines.get(key)
    if found is not None:
        return found
    with _lock:
        if key not in _engines:
            _engines[key] = _inherited(options) or _make_engine(options)
            give_back_idle(_engines[key])
        return _engines[key]


def close_connections() -> None:
    """Close the idle connections of this process' pools: a process that is forked now inherits none."""
    for (pid, _), engine in list(_engines.items()):
        if pid == os.getpid():
            engine.dispose()


def _inherited(options: PoolOptions) -> sa.Engine | None:
    for (_pid, others), engine in _engines.items():
        if others == options:
            _parents.append(engine.pool)
            engine.dispose(close=False)
            return engine
    return None


def _make_engine(options: PoolOptions) -> sa.Engine:
    engine = sa.create_engine(
        options.url,
        isolation_level="AUTOCOMMIT",
        pool_size=options.size,
        max_overflow=options.overflow,
        pool_recycle=options.recycle_seconds,
        pool_use_lifo=True,
        connect_args=connect_args("signalbox-dagster"),
    )
    event.listen(engine, "checkout", refuse_closed)
    timeout = options.statement_timeout_milliseconds

    def set_up(connection: Any, _record: Any) -> None:
        with connection, connection.cursor() as cursor:
            # Dagster's timestamp columns have no zone and are read as UTC.
            cursor.execute("SET TIME ZONE 'UTC'")
            if timeout is not None:
                cursor.execute("SET statement_timeout = %s", (int(timeout),))

    event.listen(engine, "connect", set_up)
    return engine


def patience_seconds() -> float:
    """How long a statement waits for a database that is away (default 30 s, below which leases matter)."""
    return float(os.environ.get(PATIENCE) or 30)


def is_outage(error: BaseException) -> bool:
    """Whether `error` says that the database is away or the connection broke, not that a statement is bad."""
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated:
            return True
        code = getattr(error.orig, "pgcode", None)
        # 57P0x: shutting down, crashed, starting up; 53100: its disk is full; 53300: too many connections;
        # None: no connection at all.
        return isinstance(error, exc.OperationalError) and (
            code is None or code.startswith("57P0") or code in ("53100", "53300")
        )
    if isinstance(error, exc.InvalidRequestError):
        # SQLAlchemy's pool gives up after two fresh connections were closed at once.
        return "connection is closed" in str(error)
    return isinstance(error, exc.TimeoutError | exc.DisconnectionError)


def patiently(act: Callable[[], T], *, patience: float | None = None) -> T:
    """`act()`, again and again while the database is away, up to `patience` seconds; then its error.

    `act` must be safe to repeat. In a worker it is repeated for as long as the lease of the run is renewed:
    when the database takes nothing because its disk is full, how a command ended is kept until there is room.
    """
    deadline = time.monotonic() + (patience_seconds() if patience is None else patience)
    pause = 0.05
    while True:
        try:
            return act()
        except Exception as error:
            if not is_outage(error):
                raise
            if time.monotonic() + pause > deadline and (patience is not None or not _longer()):
                raise
            time.sleep(pause)
            pause = min(pause * 2, 1.0)


def wait_longer_while(allowed: Callable[[], bool]) -> None:
    """Have `patiently` go on, past its patience, while `allowed()` says so."""
    global _longer
    _longer = allowed


@contextmanager
def connection(options: PoolOptions) -> Iterator[sa.Connection]:
    """A connection from the pool, waiting for the database if it is away. Autocommit."""
    found = patiently(lambda: pooled_engine(options).connect())
    try:
        yield found
    finally:
        found.close()


def own_tables() -> PoolOptions:
    """The pool of this process for our own tables: the same that Dagster's storages use.

    Raises NoStackError when nothing says where the database is.
    """
    return PoolOptions(address())


class Pooled:
    """Mixed in before one of dagster-postgres' storages: its engine is the pooled one of this process.

    Without a URL it connects when it is first used, to wherever the database is by then.
    """

    def __init__(self, url: str | None, should_autocreate_tables: bool = True) -> None:
        self._chosen = PoolOptions(url) if url else None
        self._known: set[str] = set()
        # Looked for once per process: Dagster makes new storages for every tick that a code server evaluates.
        place = (type(self), url)
        look = url is not None and should_autocreate_tables and place not in _has_tables
        # The next class in line is the storage that this is mixed into.
        super().__init__(url or _NOWHERE, look)  # pyright: ignore[reportCallIssue]
        if look:
            _has_tables.add((type(self), url or ""))

    @property
    def _options(self) -> PoolOptions:
        """The pool of this storage. Raises NoStackError while nothing says where the database is."""
        if self._chosen is None:
            self._chosen = PoolOptions(address())
        return self._chosen

    @property
    def _is_nowhere(self) -> bool:
        """Whether nothing says where the database is, so that nothing is kept anywhere."""
        return self._chosen is None and known_address() is None

    @property
    def _engine(self) -> sa.Engine:
        return pooled_engine(self._options)

    @_engine.setter
    def _engine(self, value: sa.Engine) -> None:
        """dagster-postgres' constructor makes an unpooled engine, which has never connected: dropped."""

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Called by dagster-webserver: the same pool, with a statement time-out (milliseconds)."""
        self._chosen = PoolOptions(
            self._options.url,
            statement_timeout_milliseconds=statement_timeout,
            recycle_seconds=pool_recycle,
            overflow=max(max_overflow, 1),
        )

    def _remembered(self, check: str, ask: Callable[[], bool]) -> bool:
        """A schema check, asked until it is true. (Migrations only ever add.)"""
        if check in self._known:
            return True
        answer = bool(ask())
        if answer:
            self._known.add(check)
        return answer

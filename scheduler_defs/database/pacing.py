"""Rows changed in small transactions, of which none holds its locks for long on however busy a machine.

Each is one statement that commits by itself: while it holds locks the database waits for nobody, neither for
the network nor for a client that has no processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

TARGET_SECONDS = 0.02
"""A transaction should take so long."""
LIMIT_SECONDS = 0.06
"""What takes longer is taken back by the database, and tried again with half as much."""
FEWEST, MOST = 1, 500
_FIRST = 10
_CANCELED = "57014"
# Locks are not held until the disk has answered. What a power cut brings back goes in the next pass.
_SOON = sa.text(
    "SELECT set_config('synchronous_commit', 'off', false), set_config('statement_timeout', :limit, false)"
)
_AS_BEFORE = sa.text("RESET synchronous_commit; RESET statement_timeout")

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Pace:
    """Takes items in parts whose size goes by how long the last one took."""

    engine: sa.Engine
    longest_seconds: float = 0.0
    """For how long a transaction has held its locks at most."""
    taken_back: int = 0

    def each(
        self,
        items: Sequence[T],
        act: Callable[[sa.Connection, Sequence[T]], R],
        alone: Callable[[T], None] = lambda item: None,
    ) -> Iterator[R]:
        """Act on all items, in order; gives what `act` gave for each part, when that is committed.

        `act` executes one statement.

        A single item that takes too long is given to `alone`, which may make it smaller, and is then acted
        upon for as long as it takes.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                yield from self._each(connection, items, act, alone)
            finally:
                if not connection.invalidated:
                    connection.execute(_AS_BEFORE)

    def _each(
        self,
        connection: sa.Connection,
        items: Sequence[T],
        act: Callable[[sa.Connection, Sequence[T]], R],
        alone: Callable[[T], None],
    ) -> Iterator[R]:
        begin, size, limited = 0, _FIRST, True
        _limit(connection, LIMIT_SECONDS)
        while begin < len(items):
            part = items[begin : begin + size]
            started = time.perf_counter()
            try:
                done = act(connection, part)
            except OperationalError as error:
                if not limited or getattr(error.orig, "pgcode", None) != _CANCELED:
                    raise
                self._note(started)
                self.taken_back += 1
                if len(part) == 1:
                    alone(part[0])
                    _limit(connection, None)
                    limited = False
                size = max(FEWEST, len(part) // 2)
                continue
            size = next_size(len(part), self._note(started))
            begin += len(part)
            if not limited:
                _limit(connection, LIMIT_SECONDS)
                limited = True
            yield done

    def _note(self, started: float) -> float:
        took = time.perf_counter() - started
        self.longest_seconds = max(self.longest_seconds, took)
        return took


def _limit(connection: sa.Connection, seconds: float | None) -> None:
    """How long a statement may take from now on (None: as long as it takes)."""
    connection.execute(_SOON, {"limit": "0" if seconds is None else f"{round(seconds * 1000)}ms"})


def next_size(size: int, took: float) -> int:
    """How large the next part is after one of this size took so many seconds. Grows by half at most."""
    wanted = size * TARGET_SECONDS / max(took, 0.001)
    return round(max(FEWEST, min(MOST, wanted, size * 1.5 + 1)))

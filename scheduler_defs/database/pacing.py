"""Rows changed in small transactions, of which none holds its locks for long on however busy a machine."""

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
    "SELECT set_config('synchronous_commit', 'off', true), set_config('statement_timeout', :limit, true)"
)

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

        A single item that takes too long is given to `alone`, which may make it smaller, and is then acted
        upon for as long as it takes.
        """
        begin, size, limited = 0, _FIRST, True
        while begin < len(items):
            part = items[begin : begin + size]
            started = time.perf_counter()
            try:
                with self.engine.begin() as connection:
                    limit = f"{round(LIMIT_SECONDS * 1000)}ms" if limited else "0"
                    connection.execute(_SOON, {"limit": limit})
                    done = act(connection, part)
            except OperationalError as error:
                if not limited or getattr(error.orig, "pgcode", None) != _CANCELED:
                    raise
                self._note(started)
                self.taken_back += 1
                if len(part) == 1:
                    alone(part[0])
                    limited = False
                size = max(FEWEST, len(part) // 2)
                continue
            size = next_size(len(part), self._note(started))
            begin += len(part)
            limited = True
            yield done

    def _note(self, started: float) -> float:
        took = time.perf_counter() - started
        self.longest_seconds = max(self.longest_seconds, took)
        return took


def next_size(size: int, took: float) -> int:
    """How large the next part is after one of this size took so many seconds. Grows by half at most."""
    wanted = size * TARGET_SECONDS / max(took, 0.001)
    return round(max(FEWEST, min(MOST, wanted, size * 1.5 + 1)))

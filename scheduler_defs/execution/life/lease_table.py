"""What each child of a worker holds at this moment, in memory that its main process shares with them.

A child writes down the lease that it holds, and its main process when that very lease was last renewed. So
the main process knows of a lease that was not renewed though it is held, whatever has become of the row: its
clock stepped, it was removed, the database was restored. And a child, and its command's guard, count from a
renewal of this lease and not from a beat of the worker.
"""

from __future__ import annotations

import mmap
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SLOTS = 1024
"""More than a worker has children."""
# Each field is eight aligned bytes, written at once, so no lock is needed. `stamp` is written last.
_FIELD = 8
_PID, _RENEWED, _STAMP, _KEEPER, _RUN = range(0, 5 * _FIELD, _FIELD)
_SIZE = 5 * _FIELD


@dataclass(frozen=True, slots=True)
class Entry:
    """A lease that a child (`pid`) holds. `renewed`: an instant (`clock.now`) at which it was ours.

    `keeper`, `run`: the processes that work for it, where it is somebody's Python code; else 0.
    """

    slot: int
    pid: int
    stamp: int
    renewed: float
    keeper: int = 0
    run: int = 0


def stamp_of(token: uuid.UUID) -> int:
    """A lease's token in eight bytes; never 0, which means that nothing is held."""
    return int.from_bytes(token.bytes[:_FIELD], "big") or 1


class LeaseTable:
    """Made before the children are forked. Each child writes to the slot of its place in the pool."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SLOTS * _SIZE)

    @contextmanager
    def holding(self, slot: int, pid: int, token: uuid.UUID, asked: float) -> Iterator[None]:
        """The child `pid` holds the lease within the block. `asked`: the instant before it was asked for."""
        at = slot % SLOTS * _SIZE
        self._write(at + _STAMP, "=Q", 0)
        self._write(at + _PID, "=Q", pid)
        self._write(at + _RENEWED, "=d", asked)
        self.set_apart(slot, 0, 0)
        self._write(at + _STAMP, "=Q", stamp_of(token))
        try:
            yield
        finally:
            self._write(at + _STAMP, "=Q", 0)

    def set_apart(self, slot: int, keeper: int, run: int) -> None:
        """These processes work for the lease in this slot."""
        at = slot % SLOTS * _SIZE
        self._write(at + _KEEPER, "=Q", keeper)
        self._write(at + _RUN, "=Q", run)

    def renewed(self, slot: int) -> float:
        """When the lease in this slot was last known to be ours."""
        return self._read(slot % SLOTS * _SIZE + _RENEWED, "=d")

    def entries(self) -> list[Entry]:
        """All that is held now."""
        found: list[Entry] = []
        for slot in range(SLOTS):
            at = slot * _SIZE
            if stamp := self._read(at + _STAMP, "=Q"):
                pid, renewed = self._read(at + _PID, "=Q"), self._read(at + _RENEWED, "=d")
                keeper, run = self._read(at + _KEEPER, "=Q"), self._read(at + _RUN, "=Q")
                if self._read(at + _STAMP, "=Q") == stamp:
                    found.append(Entry(slot, int(pid), int(stamp), renewed, int(keeper), int(run)))
        return found

    def renew(self, entry: Entry, instant: float) -> None:
        """This lease was renewed; asked for at `instant`. Nothing when it was given back meanwhile."""
        if self.holds(entry):
            self._write(entry.slot * _SIZE + _RENEWED, "=d", instant)

    def holds(self, entry: Entry) -> bool:
        """Whether it is still held."""
        return self._read(entry.slot * _SIZE + _STAMP, "=Q") == entry.stamp

    def _write(self, at: int, kind: str, value: float) -> None:
        struct.pack_into(kind, self._memory, at, value)

    def _read(self, at: int, kind: str) -> float:
        return struct.unpack_from(kind, self._memory, at)[0]

"""What takes long to find out and may be some seconds old."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

_Found = TypeVar("_Found")


class TimedCache(Generic[_Found]):
    """One answer for so many seconds. One thread finds it out anew; the others take the old one meanwhile."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._finding = threading.Lock()
        self._kept: tuple[float, _Found] | None = None

    def get(self, find: Callable[[], _Found]) -> _Found:
        """The answer, from `find` where there is none that is young enough. What it raises is not kept."""
        kept = self._young()
        if kept is not None:
            return kept[1]
        old = self._kept
        if not self._finding.acquire(blocking=old is None):
            assert old is not None
            return old[1]
        try:
            kept = self._young()
            if kept is None:
                kept = self._kept = (self._clock(), find())
            return kept[1]
        finally:
            self._finding.release()

    def _young(self) -> tuple[float, _Found] | None:
        kept = self._kept
        return kept if kept is not None and self._clock() - kept[0] < self._seconds else None

"""The commands that this process is running: whoever keeps its leases can tell their guards about it here."""

from __future__ import annotations

import threading
from typing import Protocol


class Guarding(Protocol):
    """What the registry knows of a guard."""

    def beat(self, until: float | None = None) -> None:
        """The lease lasts until this instant (`execution.life.clock.now`); None: ask for it."""


_guards: set[Guarding] = set()
_lock = threading.Lock()


def add(guard: Guarding) -> None:
    """A command has started."""
    with _lock:
        _guards.add(guard)


def discard(guard: Guarding) -> None:
    """A command has ended."""
    with _lock:
        _guards.discard(guard)


def count() -> int:
    """How many commands this process is running."""
    return len(_guards)


def beat_all(until: float | None = None) -> None:
    """Tell all guards until when the leases of this process last, as `Guarding.beat`."""
    for guard in _snapshot():
        guard.beat(until)


def _snapshot() -> list[Guarding]:
    with _lock:
        return list(_guards)

"""How often somebody may ask, and how often a password may be tried. In memory: there is one webserver."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

_MOST_KNOWN = 10_000
"""So many names are remembered; whoever was not heard of longest is forgotten first."""


@dataclass
class Rate:
    """At most `per_second` on average, and `burst` at once, for each name."""

    per_second: float
    burst: float
    clock: Callable[[], float] = monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(
        default_factory=OrderedDict[str, tuple[float, float]]
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, name: str) -> float:
        """0, and one less is left; or the seconds until the next may come."""
        with self._lock:
            now = self.clock()
            left, at = self._left.pop(name, (self.burst, now))
            left = min(self.burst, left + (now - at) * self.per_second)
            allowed = left >= 1
            self._left[name] = (left - 1 if allowed else left, now)
            while len(self._left) > _MOST_KNOWN:
                self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.per_second


FIRST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 900.0


@dataclass
class Tries:
    """Wrong passwords, by whatever is counted: `free` at first, then each doubles the wait, to 15 minutes."""

    free: int
    clock: Callable[[], float] = monotonic
    _wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict[str, tuple[int, float]])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, key: str) -> float:
        """Seconds until another try is looked at; 0: now."""
        with self._lock:
            count, at = self._wrong.get(key, (0, 0.0))
            if count < self.free:
                return 0.0
            pause = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(count - self.free, 20))
            return max(0.0, at + pause - self.clock())

    def note(self, key: str, *, right: bool) -> None:
        """What came of a try."""
        with self._lock:
            count, _ = self._wrong.pop(key, (0, 0.0))
            if not right:
                self._wrong[key] = (count + 1, self.clock())
            while len(self._wrong) > _MOST_KNOWN:
                self._wrong.popitem(last=False)

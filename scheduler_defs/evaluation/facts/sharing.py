"""What has just been read serves everybody who asks at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

FRESH_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class SharedReading(Generic[P, T]):
    """What `read` returned, at most a second ago, for all threads that ask: for the same thing."""

    def __init__(self, read: Callable[P, T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._value: tuple[float, T] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            now = time.monotonic()
            if self._value is None or now - self._value[0] > FRESH_SECONDS:
                self._value = (now, self._read(*args, **kwargs))
            return self._value[1]

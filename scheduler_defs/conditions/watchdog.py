"""Calling something that may hang, and going on without it.

A thread that hangs (a dead network file system, a name server that does not answer) cannot be stopped. So
each call gets a daemon thread of its own; one that does not answer in time is left behind and counted. What
hangs is not called again until it has come back, and when too much hangs, nothing more is called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from scheduler_defs.errors import SignalboxError

Answer = TypeVar("Answer")


class DeadlineError(SignalboxError):
    """There was no answer in time."""


class Watchdog:
    """Calls under deadlines, with a bounded number of calls left behind. Thread-safe."""

    def __init__(self, *, most_hanging: int = 16) -> None:
        self._most_hanging = most_hanging
        self._hanging: dict[str, float] = {}
        self._lock = threading.Lock()

    def call(self, name: str, function: Callable[[], Answer], seconds: float) -> Answer:
        """The function's answer, or its exception. Raises DeadlineError when there is none within `seconds`.

        `name` says what is called: while a call of that name hangs, further ones fail at once.
        """
        self._refuse_if_hanging(name)
        call = _Call(function)
        thread = threading.Thread(
            target=self._run, args=(name, call), name=f"condition {name[:40]}", daemon=True
        )
        thread.start()
        if not call.done.wait(max(0.0, seconds)):
            with self._lock:
                if not call.done.is_set():
                    self._hanging[name] = call.started
                    raise DeadlineError(f"no answer within {seconds:.1f} s")
        if call.error is not None:
            raise call.error
        return cast("Answer", call.answer)

    @property
    def hanging(self) -> int:
        """How many calls have been left behind and have not come back."""
        with self._lock:
            return len(self._hanging)

    def _run(self, name: str, call: _Call[Answer]) -> None:
        call.run()
        with self._lock:
            call.done.set()
            if self._hanging.get(name) == call.started:
                del self._hanging[name]

    def _refuse_if_hanging(self, name: str) -> None:
        with self._lock:
            since = self._hanging.get(name)
            if since is not None:
                waited = time.monotonic() - since
                raise DeadlineError(f"an earlier look has been hanging for {waited:.0f} s")
            if len(self._hanging) >= self._most_hanging:
                raise DeadlineError(f"{len(self._hanging)} other probes hang; not looked at")


class _Call(Generic[Answer]):
    """One call: what it is to do, and what became of it."""

    def __init__(self, function: Callable[[], Answer]) -> None:
        self._function = function
        self.started = time.monotonic()
        self.done = threading.Event()
        self.answer: Answer | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.answer = self._function()
        except BaseException as error:
            # Whatever it is, it belongs to the caller; this thread is only its arm.
            self.error = error

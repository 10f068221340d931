"""Events of the run that a worker process executes, written together instead of one by one.

A run's events are collected for a fifth of a second and go to Postgres in one statement; with an event that
changes the run's state, or that has tables of its own, all that were collected before go at once. So a
short run costs one write instead of a dozen, the order stays, and the UI follows as before. A process that
is killed takes at most its last fifth of a second of messages with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dagster._core.events import DagsterEvent

from scheduler_defs.execution.storage.writes.write import KnownRun, Row

logger = logging.getLogger(__name__)

LINGER_SECONDS = 0.2
MOST_EVENTS = 500
"""More are not collected: whoever adds the next waits for the write."""


@dataclass(frozen=True)
class Pending:
    """One collected event: its row, and the change of the run's state that it makes, if it does."""

    row: Row
    change: tuple[DagsterEvent, float] | None


Write = Callable[[str, Sequence[Pending], KnownRun | None], KnownRun | None]


class EventBuffer:
    """Collects the events of one run at a time. All methods may be called from any thread."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._run_id: str | None = None
        self._known: KnownRun | None = None
        self._pending: list[Pending] = []
        self._adding = threading.Lock()
        self._writing = threading.Lock()
        self._something = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, run_id: str, known: KnownRun | None) -> None:
        """Collect this run's events from now on. `known` is the run as it is, if that is known."""
        self._run_id, self._known = run_id, known
        if self._thread is None:
            self._thread = threading.Thread(target=self._flush_in_time, name="events", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Write what was collected and collect no more. Raises what the database raises."""
        try:
            self.flush()
        finally:
            self._run_id, self._known, self._pending = None, None, []

    def collects(self, run_id: str) -> bool:
        """Whether events of this run are collected."""
        return run_id == self._run_id

    def add(self, event: Pending) -> None:
        """Collect an event; one that ends the run, or starts it late, is written at once."""
        with self._adding:
            self._pending.append(event)
            full = len(self._pending) >= MOST_EVENTS
        if full:
            self.flush()
        self._something.set()

    def flush(self) -> None:
        """Write what was collected. What cannot be written stays collected, and the error is raised."""
        with self._writing:
            with self._adding:
                batch, self._pending = self._pending, []
            run_id = self._run_id
            if not batch or run_id is None:
                return
            try:
                self._known = self._write(run_id, batch, self._known)
            except BaseException:
                with self._adding:
                    self._pending = [*batch, *self._pending]
                raise

    def _flush_in_time(self) -> None:
        pause = threading.Event()
        while True:
            self._something.wait()
            pause.wait(LINGER_SECONDS)
            self._something.clear()
            try:
                self.flush()
            except Exception as error:
                logger.warning("events cannot be written yet: %s: %s", type(error).__name__, error)
                self._something.set()

"""The beat of a worker: a thread of its main process, which runs no user code that could starve it.

Every few seconds it says that the worker lives and renews the leases of its children. When it cannot, it
kills the children that work, before their leases expire.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from scheduler_defs import database
from scheduler_defs.execution import fencing, workers
from scheduler_defs.execution.identity import Identity
from scheduler_defs.execution.terms import Terms
from scheduler_defs.execution.worker_stop import StoppingChildren
from scheduler_defs.execution.workers import Condition

logger = logging.getLogger(__name__)

# A pool child that began with a message: its pid, and when (monotonic seconds).
Busy = tuple[int, float]


def condition(pid: int) -> Condition:
    """How the child with this pid is. A zombie is dead."""
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return Condition.DEAD
    if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
        return Condition.DEAD
    if status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
        return Condition.FROZEN
    return Condition.ALIVE


@dataclass(frozen=True)
class Pool:
    """What the beat needs to know of Celery's pool: its children's pids, and those at work."""

    children: Callable[[], list[int]]
    busy: Callable[[], list[Busy]]

    def condition(self, pid: int) -> Condition:
        """How a lease's holder is; a pid that is no child of ours (any more) is dead."""
        return condition(pid) if pid in self.children() else Condition.DEAD


class Beat:
    """Beats until it is stopped. `start` returns after the first beat, or after the first failed one."""

    def __init__(self, worker: workers.Worker, identity: Identity, pool: Pool, terms: Terms) -> None:
        self._worker = worker
        self._identity = identity
        self._pool = pool
        self._terms = terms
        self._switch = fencing.DeadMansSwitch()
        self._renewed = time.monotonic()
        self._frozen_since: dict[int, float] = {}
        self._stopping_children = StoppingChildren()
        self._wake = threading.Event()
        self._stopping = False
        self._draining = False
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def start(self) -> None:
        """Clear up after workers of this host that died, and begin to beat."""
        self._attempt(self._bury_siblings)
        self._attempt(self._beat)
        self._thread.start()

    def drain(self) -> None:
        """Take no more work; the runs in progress keep their leases. Safe to call from a signal handler."""
        self._draining = True
        self._wake.set()

    def stop(self) -> None:
        """The worker ends: take it off the list, and let its leases go."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=2)
        self._switch.hold(0)
        self._attempt(self._remove)

    def _run(self) -> None:
        pause = self._terms.beat.total_seconds()
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            if self._stopping:
                return
            # After a failure try again soon: a lease lives for only a few beats.
            beaten = self._attempt(self._beat)
            pause = self._terms.beat.total_seconds() if beaten else min(1.0, pause)
            if self._stopping_children.waiting:
                pause = min(1.0, pause)
            self._fence()

    def _beat(self) -> None:
        began = time.monotonic()
        with database.engine().begin() as connection:
            holdings = workers.beat(
                connection,
                self._worker,
                self._terms.expiry,
                self._pool.condition,
                draining=self._draining,
            )
        self._renewed = began
        self._identity.renewed.set(began)
        self._hold(began)
        for pid, what in self._stopping_children.decide(holdings, time.monotonic()):
            logger.info("process %d holds work that is not wanted any more: %s", pid, what.name)
            fencing.send(pid, what)

    def told_to_stop(self, pid: int) -> None:
        """Celery has sent the child SIGTERM. Safe to call from any thread."""
        self._stopping_children.told(pid, time.monotonic())
        self._wake.set()

    def _hold(self, since: float) -> None:
        left = since + self._terms.fence.total_seconds() - time.monotonic()
        self._switch.hold(max(left, 0.001))

    def _fence(self) -> None:
        """Kill the children whose leases were not renewed in time; then there is nothing to protect."""
        for pid, began in self._pool.busy():
            stale = fencing.overdue(max(self._renewed, began), self._terms.fence)
            if stale or self._is_frozen_too_long(pid):
                logger.error("lease of process %d could not be renewed in time: killing it", pid)
                fencing.send(pid, signal.SIGKILL)
        if fencing.overdue(self._renewed, self._terms.fence - self._terms.beat):
            # The database is away, and this process is not frozen: the children are seen to right here.
            self._hold(time.monotonic())

    def _is_frozen_too_long(self, pid: int) -> bool:
        if condition(pid) is not Condition.FROZEN:
            self._frozen_since.pop(pid, None)
            return False
        # Its lease was renewed up to one beat before it was first seen frozen, and we look once per beat.
        since = self._frozen_since.setdefault(pid, time.monotonic())
        return fencing.overdue(since, self._terms.fence - 2 * self._terms.beat)

    def _bury_siblings(self) -> None:
        with database.engine().begin() as connection:
            dead = [
                worker_id
                for worker_id, pid in workers.siblings(connection, self._worker).items()
                if condition(pid) is Condition.DEAD
            ]
            if dead:
                workers.remove(connection, dead)
            workers.forget_silent(connection)

    def _remove(self) -> None:
        with database.engine().begin() as connection:
            workers.remove(connection, [self._worker.id])

    def _attempt(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except Exception as error:
            logger.warning("the worker's beat failed: %s: %s", type(error).__name__, error)
            return False
        return True

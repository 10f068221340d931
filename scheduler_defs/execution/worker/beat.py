"""The beat of a worker: a thread of its main process, which runs no user code that could starve it.

Every few seconds it says that the worker lives and renews the leases of its children. A child whose lease was
not renewed is killed, and all that it has started, before its lease can be given to somebody else. Workers
also watch each other's leases: one that nobody renews for as long as it lasts is given up.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from scheduler_defs import database
from scheduler_defs.execution.guard.marks import end_orphans
from scheduler_defs.execution.guard.process import descendants
from scheduler_defs.execution.leases import fencing, leases
from scheduler_defs.execution.leases.watch import LeaseWatch
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.identity import Identity
from scheduler_defs.execution.life.lease_table import Entry, stamp_of
from scheduler_defs.execution.life.terms import Terms
from scheduler_defs.execution.worker import registry as workers
from scheduler_defs.execution.worker.registry import Condition
from scheduler_defs.execution.worker.stop import StoppingChildren

logger = logging.getLogger(__name__)

_DEAF_SECONDS = 10.0


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


def _condition_of(entry: Entry) -> Condition:
    """How the holder of a lease is: frozen as well when one of those is that work for it."""
    if any(condition(each) is Condition.FROZEN for each in (entry.keeper, entry.run) if each):
        return Condition.FROZEN
    return condition(entry.pid)


def _leads_a_session(pid: int) -> bool:
    """Whether the process is there, and can be the keeper that once had this pid."""
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


@dataclass(frozen=True)
class Pool:
    """What the beat needs to know of Celery: the pids of its children, and whether messages still come in.

    `why_deaf` says why no message can come in any more, or None.
    """

    children: Callable[[], list[int]]
    why_deaf: Callable[[], str | None] = lambda: None

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
        self._renewed = clock.now()
        self._frozen_since: dict[int, float] = {}
        self._stopping_children = StoppingChildren()
        self._watch = LeaseWatch()
        self._deaf_since: float | None = None
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
        began = clock.now()
        held = self._identity.held.entries()
        stamps = {entry.stamp for entry in held}
        is_deaf = self._is_deaf(began)
        with database.engine().begin() as connection:
            beaten = workers.beat(
                connection,
                self._worker,
                self._terms.expiry,
                lambda pid: self._condition(pid, held),
                is_held=lambda token: stamp_of(token) in stamps,
                bury=self._bury,
                busy=len(held),
                draining=self._draining,
                silent=is_deaf,
            )
        self._renewed = began
        self._hold(began)
        self._settle(held, {stamp_of(token) for token in beaten.renewed}, began)
        for pid, what in self._stopping_children.decide(beaten.holdings, clock.now()):
            logger.info("process %d holds work that is not wanted any more: %s", pid, what.name)
            fencing.send(pid, what)
        self._attempt(self._give_up_lost_leases)

    def _is_deaf(self, now: float) -> bool:
        """Whether no message reaches the worker: it beats no more then, and later ends itself."""
        why = self._pool.why_deaf()
        if why is None:
            self._deaf_since = None
            return False
        if self._deaf_since is None:
            self._deaf_since = now
            logger.error("no message reaches this worker (%s): it beats no more", why)
        elif now - self._deaf_since >= _DEAF_SECONDS:
            logger.critical("no message reaches this worker (%s): it ends, to be started again", why)
            # Its children die with it, and with them their commands.
            fencing.send(os.getpid(), signal.SIGKILL)
        return True

    def _settle(self, held: list[Entry], renewed: set[int], began: float) -> None:
        """Tell the children of the renewals; whoever holds a lease that was not renewed has lost it."""
        children = set(self._pool.children())
        for entry in held:
            if entry.stamp in renewed:
                self._identity.held.renew(entry, began)
            elif (
                entry.pid in children
                and _condition_of(entry) is Condition.ALIVE
                and self._identity.held.holds(entry)
            ):
                logger.error("the lease of process %d is not its own any more: killing it", entry.pid)
                self._kill(entry.pid)

    def _give_up_lost_leases(self) -> None:
        now = clock.now()
        with database.engine().begin() as connection:
            for lease in leases.of_others(connection, self._worker.id):
                key = (lease.run_id, lease.step_key)
                mark = (lease.token, lease.renewed)
                if self._watch.is_lost(key, mark, lease.lasts_seconds, now) and leases.give_up(
                    connection, lease
                ):
                    logger.warning("run %s: its worker %s is lost", lease.run_id, lease.worker_id)

    def told_to_stop(self, pid: int) -> None:
        """Celery has sent the child SIGTERM. Safe to call from any thread."""
        self._stopping_children.told(pid, clock.now())
        self._wake.set()

    def _hold(self, since: float) -> None:
        left = since + self._terms.fence.total_seconds() - clock.now()
        self._switch.hold(max(left, 0.001))

    def _fence(self) -> None:
        """Kill the children whose leases were not renewed in time; then there is nothing to protect."""
        children = set(self._pool.children())
        for entry in self._identity.held.entries():
            if entry.pid not in children:
                continue
            if fencing.overdue(entry.renewed, self._terms.fence) or self._is_frozen_too_long(entry):
                logger.error("lease of process %d could not be renewed in time: killing it", entry.pid)
                self._kill(entry.pid)
        if fencing.overdue(self._renewed, self._terms.fence - self._terms.beat):
            # The database is away, and this process is not frozen: the children are seen to right here.
            self._hold(clock.now())

    def _kill(self, pid: int) -> None:
        """SIGKILL for the child and for what it has started: its guards may be frozen, or dead themselves."""
        for each in (pid, *descendants(pid)):
            fencing.send(each, signal.SIGKILL)
        self._bury(pid)

    def _bury(self, pid: int) -> None:
        for entry in self._identity.held.entries():
            if entry.pid == pid and entry.keeper and _leads_a_session(entry.keeper):
                # It would end the rest by itself, if it is not frozen.
                for each in (entry.keeper, *descendants(entry.keeper)):
                    fencing.send(each, signal.SIGKILL)
        end_orphans(self._worker.id, pid)

    def _condition(self, pid: int, held: list[Entry]) -> Condition:
        found = self._pool.condition(pid)
        if found is not Condition.DEAD and any(
            entry.pid == pid and _condition_of(entry) is Condition.FROZEN for entry in held
        ):
            return Condition.FROZEN
        return found

    def _is_frozen_too_long(self, entry: Entry) -> bool:
        if _condition_of(entry) is not Condition.FROZEN:
            self._frozen_since.pop(entry.pid, None)
            return False
        # Its lease was renewed up to one beat before it was first seen frozen, and we look once per beat.
        since = self._frozen_since.setdefault(entry.pid, clock.now())
        return fencing.overdue(since, self._terms.fence - 2 * self._terms.beat)

    def _bury_siblings(self) -> None:
        with database.engine().begin() as connection:
            dead = [
                worker_id
                for worker_id, pid in workers.siblings(connection, self._worker).items()
                if condition(pid) is Condition.DEAD
            ]
            for worker_id in dead:
                end_orphans(worker_id)
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

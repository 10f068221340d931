"""The lease that this process holds now: what a run's own code and its guard may ask for."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from scheduler_defs.execution.leases import guards as guard_registry
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.leases import Claim
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.identity import Identity, identity
from scheduler_defs.execution.life.terms import Terms, terms
from scheduler_defs.execution.storage.pool import connection, own_tables, patiently, wait_longer_while

logger = logging.getLogger(__name__)


@dataclass
class HeldLease:
    """A lease of this process, in its slot of what the worker's children hold.

    `under_way`: the work has begun, and nobody has written how it ended.
    """

    claim: Claim
    slot: int
    worker: Identity
    terms: Terms
    under_way: bool = False

    @property
    def renewed(self) -> float:
        """The instant (`clock.now`) before the last renewal of this very lease was asked for."""
        return self.worker.held.renewed(self.slot)

    @property
    def expires(self) -> float:
        """When work must have stopped (`clock.now`), if nothing is renewed from now on.

        It moves on as the worker's main process renews: ask again, do not keep it.
        """
        return self.renewed + self.terms.fence.total_seconds()

    def is_worked_by(self, keeper: int, run: int) -> None:
        """The work is done in a process of its own, and kept by another one: their pids, or 0."""
        self.worker.held.set_apart(self.slot, keeper, run)


_current: HeldLease | None = None


def _is_mine() -> bool:
    """Whether this process holds a lease that is not over: then what it did is its to write down."""
    lease = _current
    return lease is not None and clock.now() < lease.expires


wait_longer_while(_is_mine)


def current_lease() -> HeldLease | None:
    """The lease of the run or step that this process executes, or None outside of a worker."""
    return _current


def allow_grace(grace: timedelta) -> None:
    """Give this process another time than `DEFAULT_GRACE` to end after a cancel, before it is killed.

    For steps whose command is given time to clean up. Does nothing outside of a worker.
    """
    lease = _current
    if lease is not None:
        with connection(own_tables()) as found:
            leases.allow_grace(found, lease.claim, grace)


@contextmanager
def hold_lease(claim: Claim, asked: float) -> Iterator[HeldLease]:
    """Hold a lease for the length of the block, and give it back at its end, however it ends.

    `asked` is the instant (`clock.now`) before it was acquired.
    """
    global _current
    worker = identity()
    if worker is None:
        raise RuntimeError("only a worker holds leases")
    lease = HeldLease(claim, _place_in_pool(), worker, terms())
    try:
        # Not held any more, and then given back: a lease that is missing while it is held is a lost one.
        with worker.held.holding(lease.slot, os.getpid(), claim.token, asked):
            _current = lease
            pass_on_renewals()
            try:
                yield lease
            finally:
                _current = None
    finally:
        _release(claim, ended=not lease.under_way)


def _place_in_pool() -> int:
    """The number of this process among its worker's children (billiard's, contract-tested)."""
    from billiard.process import current_process

    return int(getattr(current_process(), "index", 0) or 0)


def pass_on_renewals() -> None:
    """Have a thread of this process tell the guards of its commands of each renewal. Started once.

    The worker's main process renews; a guard that hears of no renewal kills its command before the lease is
    lost, whatever has become of the two processes above it.
    """
    _pass_on_renewals(os.getpid())


@lru_cache(maxsize=1)
def _pass_on_renewals(_pid: int) -> None:
    def pass_on() -> None:
        told = 0.0
        while True:
            time.sleep(terms().beat.total_seconds() / 2)
            lease = _current
            if lease is not None and guard_registry.count() and lease.renewed > told:
                told = lease.renewed
                guard_registry.beat_all(lease.expires)

    threading.Thread(target=pass_on, name="renewals", daemon=True).start()


def _release(claim: Claim, *, ended: bool) -> None:
    def act() -> None:
        with connection(own_tables()) as found:
            leases.release(found, claim, ended=ended)

    try:
        patiently(act)
    except Exception as error:
        # It runs out by itself; the run has ended all the same.
        logger.warning("lease of run %s not given back: %s: %s", claim.run_id, type(error).__name__, error)

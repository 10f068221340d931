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

from scheduler_defs.execution import guard_registry, leases
from scheduler_defs.execution.identity import Identity, identity
from scheduler_defs.execution.leases import Claim
from scheduler_defs.execution.storage_pool import connection, own_tables, patiently
from scheduler_defs.execution.terms import Terms, terms

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldLease:
    """A lease of this process. `acquired` is when it was asked for (monotonic seconds)."""

    claim: Claim
    acquired: float
    worker: Identity
    terms: Terms

    @property
    def renewed(self) -> float:
        """The instant (monotonic seconds) before the last renewal was asked for."""
        return max(self.acquired, self.worker.renewed.get())

    @property
    def expires(self) -> float:
        """When work must have stopped (monotonic seconds), if nothing is renewed from now on.

        It moves on as the worker's main process renews: ask again, do not keep it.
        """
        return self.renewed + self.terms.fence.total_seconds()


_current: HeldLease | None = None


def current_lease() -> HeldLease | None:
    """The lease of the run or step that this process executes, or None outside of a worker."""
    return _current


def allow_grace(grace: timedelta) -> None:
    """Give this process longer than 10 s to end after its run was cancelled, before its worker kills it.

    For steps whose command is given time to clean up. Does nothing outside of a worker.
    """
    lease = _current
    if lease is not None:
        with connection(own_tables()) as found:
            leases.allow_grace(found, lease.claim, grace)


@contextmanager
def held(claim: Claim, asked: float) -> Iterator[HeldLease]:
    """Hold a lease for the length of the block, and give it back at its end, however it ends.

    `asked` is the monotonic instant before it was acquired.
    """
    global _current
    worker = identity()
    if worker is None:
        raise RuntimeError("only a worker holds leases")
    _current = HeldLease(claim, asked, worker, terms())
    _pass_on_renewals(os.getpid())
    try:
        yield _current
    finally:
        _current = None
        _release(claim)


@lru_cache(maxsize=1)
def _pass_on_renewals(_pid: int) -> None:
    """Start this process' thread that tells the guards of its commands of each renewal. Once per process.

    The worker's main process renews; a guard that hears of no renewal kills its command before the lease is
    lost, whatever has become of the two processes above it.
    """

    def pass_on() -> None:
        told = 0.0
        while True:
            time.sleep(terms().beat.total_seconds() / 2)
            lease = _current
            if lease is not None and guard_registry.count() and lease.renewed > told:
                told = lease.renewed
                guard_registry.beat_all(lease.expires)

    threading.Thread(target=pass_on, name="renewals", daemon=True).start()


def _release(claim: Claim) -> None:
    def act() -> None:
        with connection(own_tables()) as found:
            leases.release(found, claim)

    try:
        patiently(act)
    except Exception as error:
        # It runs out by itself; the run has ended all the same.
        logger.warning("lease of run %s not given back: %s: %s", claim.run_id, type(error).__name__, error)

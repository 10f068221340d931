"""The longest a run may take (`dagster/max_runtime`), enforced by its worker to the second."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterInstance, DagsterRun

from scheduler_defs.execution.admission.values import max_runtime_of
from scheduler_defs.execution.failure import record_failure
from scheduler_defs.execution.leases import guards as guard_registry
from scheduler_defs.execution.life import clock
from scheduler_defs.tags import Failure

logger = logging.getLogger(__name__)

_GUARD_SECONDS = 1.0
_LOOKED_AT_SECONDS = 5.0


def max_runtime_seconds(run: DagsterRun) -> float | None:
    """The run's time-out, or None. A value that is no positive number is none."""
    return max_runtime_of(run.tags)


@contextmanager
def time_limit(instance: DagsterInstance, run: DagsterRun) -> Iterator[None]:
    """Fail and interrupt the run when the block takes longer than the run may.

    The run is failed first, with the reason, and then this process is sent SIGTERM, which Dagster raises in
    the run's code as an interrupt. Code that does not end then is killed by the worker's main process.
    """
    seconds = max_runtime_seconds(run)
    if seconds is None:
        yield
        return
    done = threading.Event()
    acting = threading.Lock()

    deadline = clock.now() + seconds

    def watch() -> None:
        # In pieces: a wait of its own stands still while the machine sleeps.
        while (left := deadline - clock.now()) > 0:
            if done.wait(min(left, _LOOKED_AT_SECONDS)):
                return
        # The guard of a command ends it at the same time, and the command's op knows more to tell.
        if guard_registry.count() and done.wait(_GUARD_SECONDS):
            return
        with acting:
            if not done.is_set():
                _time_out(instance, run, seconds)

    thread = threading.Thread(target=watch, name="time-limit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # Not in the middle of it: the signal must reach this run and not the next one.
        with acting:
            done.set()


def _time_out(instance: DagsterInstance, run: DagsterRun, seconds: float) -> None:
    reason = f"timed out after {seconds:g} s"
    try:
        record_failure(instance, run.run_id, Failure.TIMEOUT, reason)
        instance.report_run_failed(run, f"Run failed: {reason}.")
    except Exception:
        logger.exception("run %s %s, and that could not be written down", run.run_id, reason)
    os.kill(os.getpid(), signal.SIGTERM)

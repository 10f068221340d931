"""Execute one run in a warm worker process: the instance and the definitions are already there."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import execute_run_iterator
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.interrupts import capture_interrupts

from scheduler_defs.addresses import of_run
from scheduler_defs.execution.admission.completing import missing
from scheduler_defs.execution.admission.values import keeps_processes
from scheduler_defs.execution.elsewhere.environment import execute_in_environment
from scheduler_defs.execution.elsewhere.place import Place, place_of, settle_in
from scheduler_defs.execution.failure import one_line, record_failure
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.current import HeldLease, hold_lease, pass_on_renewals
from scheduler_defs.execution.leases.leases import Claim
from scheduler_defs.execution.leases.timeout import time_limit
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.identity import identity
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.storage.events import PooledEventLogStorage
from scheduler_defs.execution.storage.pool import connection, own_tables, patiently
from scheduler_defs.execution.storage.writes.write import KnownRun
from scheduler_defs.execution.worker.running.apart import Ending, run_apart
from scheduler_defs.execution.worker.running.condition import Condition, condition
from scheduler_defs.execution.worker.running.freshness import definitions_of
from scheduler_defs.execution.worker.running.job import is_somebodys, job_of
from scheduler_defs.execution.worker.running.warm import inherit, instance, not_warm
from scheduler_defs.tags import Failure

logger = logging.getLogger(__name__)

_COULD_NOT_LOAD = "Could not load job definition."
_NOT_LOADED = 10
"""Exit code of the process of a run whose code could not be loaded; its log says why."""


def execute(run_id: str, queue: str) -> None:
    """Execute the run to its end, if it still waits for a worker; otherwise do nothing.

    Errors of the run are in its event log. Only what could not be written there is raised.
    """
    worker = identity()
    if worker is None:
        raise RuntimeError("runs are executed by Celery workers only")
    claim = Claim(run_id, worker.id, worker.host, os.getpid(), queue)
    # SIGTERM from here on is an interrupt that Dagster raises where it is safe, not the end of this process.
    with capture_interrupts():
        began = clock.now()
        body = _acquire(claim)
        if body is None:
            logger.info("run %s is not waiting for a worker: nothing to do", run_id)
            return
        known = KnownRun(body, DagsterRunStatus.STARTED)
        run = known.run.with_status(DagsterRunStatus.STARTING)
        before = None
        with hold_lease(claim, began) as lease, time_limit(instance(), known.run):
            lease.under_way = True
            if (place := place_of(run)) is not None:
                _execute_elsewhere(run, known, lease, place)
            elif is_somebodys(run):
                ending = apart(lease, run, lambda: _execute(run, known))
                if ending.code not in (0, _NOT_LOADED):
                    _ended_early(run, ending)
            else:
                before = condition()
                _execute(run, known)
            lease.under_way = False
    end_if_changed(run_id, before)


def _execute(run: DagsterRun, known: KnownRun) -> int:
    loaded = True
    with collecting(run.run_id, known):
        for event in _events(run):
            loaded = loaded and event.message != _COULD_NOT_LOAD
    return 0 if loaded else _NOT_LOADED


def _execute_elsewhere(run: DagsterRun, known: KnownRun, lease: HeldLease, place: Place) -> None:
    """A run of another location, whose code is first tried in the run's own process."""
    if place.executable is not None:
        ending = apart(lease, run, lambda: _in_environment(run, place))
    else:
        ending = apart(lease, run, lambda: _execute(run, known))
    if ending.code not in (0, _NOT_LOADED):
        _ended_early(run, ending)
    elif ending.code == 0 and place.executable is None:
        keep_warm(run, place)


def keep_warm(run: DagsterRun, place: Place) -> None:
    """Load, between two runs, the code that has just been loaded in a run's process: the next one has it."""
    if definitions_of(place.key).is_loaded:
        return
    try:
        job_of(run)
    except (Exception, SystemExit) as error:
        not_warm(error)


def _in_environment(run: DagsterRun, place: Place) -> int:
    """In the run's own process: execute it by the Python of its location."""
    on = instance()
    on.report_engine_event(
        f"Location {place.location}: executed by {place.executable}, for {_worker()}.", run, _links(run)
    )
    try:
        code, said = execute_in_environment(on, run, place)
    except OSError as error:
        why = f"{error.filename or place.executable}: {error.strerror}"
        _fail_unless_finished(run, f"Run failed: its code could not be loaded: {one_line(why)}")
        return _NOT_LOADED
    found = on.get_run_by_id(run.run_id)
    if code > 0 and found is not None and not found.is_finished and said:
        _fail_unless_finished(run, f"Run failed: its code could not be loaded: {one_line(said)}")
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    return code


def _links(run: DagsterRun) -> EngineEventData:
    """To our pages of it, for whoever looks at the run in Dagster's UI, from its beginning on."""
    return EngineEventData(
        {name: dg.MetadataValue.url(page) for name, page in of_run(run.run_id, run.tags).items()}
    )


def _worker() -> str:
    found = identity()
    return "nobody" if found is None else f"{found.id} on {found.host}"


def apart(lease: HeldLease, run: DagsterRun, body: Callable[[], int]) -> Ending:
    """Execute somebody's Python code in a process of its own. Its connections are its own as well."""
    parents = instance()

    def begin() -> int:
        # Its pools are those of the process that asks.
        inherit(parents)
        if isinstance(parents.event_log_storage, PooledEventLogStorage):
            parents.event_log_storage.collect_anew()
        pass_on_renewals()
        return body()

    return run_apart(
        begin,
        lambda: lease.expires,
        keep=keeps_processes(run.tags),
        lifelines=[lease.worker.lifeline],
        began=lease.is_worked_by,
    )


def end_if_changed(run_id: str, before: Condition | None) -> None:
    """End this warm process, between two runs, when the last one has left it other than it was `before`."""
    if before is not None and (difference := condition().difference(before)):
        logger.error("run %s has changed its worker's process (%s): it ends", run_id, difference)
        raise SystemExit(0)


def _ended_early(run: DagsterRun, ending: Ending) -> None:
    """The run's process is gone, and may not have said how the run ended."""
    found = instance().get_run_by_id(run.run_id)
    if found is None or found.is_finished:
        return
    if found.status is not DagsterRunStatus.CANCELING:
        killed = ending.code is None or ending.code < 0
        record_failure(instance(), run.run_id, Failure.WORKER_LOST if killed else Failure.ERROR, ending.said)
    _fail_unless_finished(run, f"Run failed: {ending.said}.")


def collecting(run_id: str, known: KnownRun | None = None) -> AbstractContextManager[None]:
    """Within this block the run's events are written together; at its end all of them are written."""
    storage = instance().event_log_storage
    if isinstance(storage, PooledEventLogStorage):
        return storage.collecting(run_id, known)
    return nullcontext()


def write_collected() -> None:
    """Write the run's events of which the next one must not be lost, whatever becomes of this process."""
    storage = instance().event_log_storage
    if isinstance(storage, PooledEventLogStorage):
        patiently(storage.write_collected)


def _acquire(claim: Claim) -> str | None:
    def act() -> str | None:
        with connection(own_tables()) as found:
            return leases.acquire_run(found, claim, terms().expiry)

    return patiently(act)


def _events(run: DagsterRun) -> Iterator[dg.DagsterEvent]:
    """Dagster's `core_execute_run` without what a warm worker knows already (private, contract-tested)."""
    on = instance()
    if lacking := missing(run.tags):
        reason = f"it was not admitted, it has no {', '.join(lacking)}: create it through Signalbox's storage"
        yield on.report_run_failed(run, f"Run refused: {reason}.")
        return
    place = place_of(run)
    warm = place is not None and definitions_of(place.key).is_loaded
    try:
        settle_in(place)
        job = job_of(run)
    except (Exception, SystemExit) as error:
        yield _engine_error(_COULD_NOT_LOAD, run)
        _fail_unless_finished(run, f"Run failed: its code could not be loaded: {one_line(_said(error))}")
        return
    said = f"Executed by {_worker()}."
    if place is not None:
        how = "loaded beforehand" if warm else "loaded for this run"
        said = f"Location {place.location}: {how}, executed by {_worker()}."
    yield on.report_engine_event(said, run, _links(run))
    try:
        yield from execute_run_iterator(job, run, on)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        _fail_unless_finished(run)
    except Exception:
        yield _engine_error("The run could not be executed.", run)
        _fail_unless_finished(run)


def _engine_error(message: str, run: DagsterRun) -> dg.DagsterEvent:
    error = serializable_error_info_from_exc_info(sys.exc_info())
    logger.error("run %s: %s %s", run.run_id, message, error.to_string())
    return instance().report_engine_event(message, run, EngineEventData.engine_error(error))


def _said(error: BaseException) -> str:
    """The innermost cause: Dagster wraps what an import raises in errors of its own."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


def _fail_unless_finished(run: DagsterRun, message: str | None = None) -> None:
    found = instance().get_run_by_id(run.run_id)
    if found is None or found.is_finished:
        return
    if found.status is DagsterRunStatus.CANCELING:
        instance().report_run_canceled(found)
    else:
        instance().report_run_failed(found, message)

"""Execute one run in a warm worker process: the instance and the definitions are already there."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import execute_run_iterator
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster._utils.interrupts import capture_interrupts

from scheduler_defs.execution import leases
from scheduler_defs.execution.freshness import definitions
from scheduler_defs.execution.identity import identity
from scheduler_defs.execution.lease_held import held
from scheduler_defs.execution.leases import Claim
from scheduler_defs.execution.storage_events import PooledEventLogStorage
from scheduler_defs.execution.storage_pool import connection, own_tables, patiently
from scheduler_defs.execution.storage_write import KnownRun
from scheduler_defs.execution.terms import terms
from scheduler_defs.execution.timeout import time_limit
from scheduler_defs.settings import PROJECT_ROOT

logger = logging.getLogger(__name__)

_DEFINITIONS = "scheduler_defs.definitions"
_AGENT_RUNS = "scheduler_defs.jobs.agent_task_op"
"""What the definitions load only in a run. It is the project's, and forgotten with it."""

_PRELOADED = (
    "scheduler_defs.execution.storage",
    "scheduler_defs.execution.coordinator",
    "scheduler_defs.execution.compute_logs",
    "scheduler_defs.execution.artifact_storage",
    "scheduler_defs.execution.step_run",
    "scheduler_defs.execution.steps_executor",
    "dagster._core.storage.fs_io_manager",
)


def instance() -> dg.DagsterInstance:
    """This process' Dagster instance, opened once."""
    return _instance(os.getpid())


@lru_cache(maxsize=1)
def _instance(_pid: int) -> dg.DagsterInstance:
    return dg.DagsterInstance.get()


def preload() -> None:
    """Load, in a worker's main process, what all its children need: they share its memory. No connections.

    The definitions as well: a child that is born later knows what they were loaded from, and when that has
    changed, loads them again.
    """
    for name in _PRELOADED:
        importlib.import_module(name)
    _load_definitions()
    # What is there now is not garbage: collecting it would give each child a copy of all these pages.
    gc.collect()
    gc.freeze()


def prepare() -> None:
    """In a child: open the instance, and have the code location loaded, before the first run needs them."""
    try:
        instance()
    except Exception as error:
        _not_warm(error)
    _load_definitions()


def _load_definitions() -> None:
    try:
        with definitions.loading():
            pointer = ModuleCodePointer(_DEFINITIONS, "defs", str(PROJECT_ROOT))
            ReconstructableRepository(pointer).get_definition()
            importlib.import_module(_AGENT_RUNS)
    except (Exception, SystemExit) as error:
        _not_warm(error)


def _not_warm(error: BaseException) -> None:
    # It may work by then: a database that is away comes back, broken code is mended.
    logger.warning("not warm yet: %s: %s", type(error).__name__, error)


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
        began = time.monotonic()
        body = _acquire(claim)
        if body is None:
            logger.info("run %s is not waiting for a worker: nothing to do", run_id)
            return
        known = KnownRun(body, DagsterRunStatus.STARTED)
        with held(claim, began), collecting(claim.run_id, known), time_limit(instance(), known.run):
            for _ in _events(known.run.with_status(DagsterRunStatus.STARTING)):
                pass


def collecting(run_id: str, known: KnownRun | None = None) -> AbstractContextManager[None]:
    """Within this block the run's events are written together; at its end all of them are written."""
    storage = instance().event_log_storage
    if isinstance(storage, PooledEventLogStorage):
        return storage.collecting(run_id, known)
    return nullcontext()


def _acquire(claim: Claim) -> str | None:
    def act() -> str | None:
        with connection(own_tables()) as found:
            return leases.acquire_run(found, claim, terms().expiry)

    return patiently(act)


def _events(run: DagsterRun) -> Iterator[dg.DagsterEvent]:
    """Dagster's `core_execute_run` without what a warm worker knows already (private, contract-tested)."""
    on = instance()
    try:
        job = job_of(run)
    except Exception:
        yield _engine_error("Could not load job definition.", run)
        _fail_unless_finished(run)
        return
    try:
        yield from execute_run_iterator(job, run, on)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        _fail_unless_finished(run)
    except Exception:
        yield _engine_error("The run could not be executed.", run)
        _fail_unless_finished(run)


def job_of(run: DagsterRun) -> ReconstructableJob:
    """The run's job from definitions that are no older than the run. Raises whatever loading them raises."""
    origin = run.job_code_origin
    if origin is None:
        raise ValueError(f"run {run.run_id} does not say where its code is")
    instance().inject_env_vars(run.remote_job_origin.location_name if run.remote_job_origin else None)
    with definitions.loading():
        job = recon_job_from_origin(origin)
        if run.has_repository_load_data and run.execution_plan_snapshot_id:
            plan = instance().get_execution_plan_snapshot(run.execution_plan_snapshot_id)
            job = job.with_repository_load_data(plan.repository_load_data)
        job.get_definition()
    return job


def _engine_error(message: str, run: DagsterRun) -> dg.DagsterEvent:
    error = serializable_error_info_from_exc_info(sys.exc_info())
    logger.error("run %s: %s %s", run.run_id, message, error.to_string())
    return instance().report_engine_event(message, run, EngineEventData.engine_error(error))


def _fail_unless_finished(run: DagsterRun) -> None:
    found = instance().get_run_by_id(run.run_id)
    if found is None or found.is_finished:
        return
    if found.status is DagsterRunStatus.CANCELING:
        instance().report_run_canceled(found)
    else:
        instance().report_run_failed(found)

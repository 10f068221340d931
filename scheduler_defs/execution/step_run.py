"""Execute one step of a run in a warm worker process."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import create_execution_plan, execute_plan_iterator
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import deserialize_value
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.interrupts import capture_interrupts

from scheduler_defs import database
from scheduler_defs.execution import leases
from scheduler_defs.execution.identity import identity
from scheduler_defs.execution.lease_held import held
from scheduler_defs.execution.leases import Claim
from scheduler_defs.execution.step_progress import step_progress
from scheduler_defs.execution.step_timeout import time_limit, timeout_seconds
from scheduler_defs.execution.storage_pool import patiently
from scheduler_defs.execution.terms import terms
from scheduler_defs.execution.worker_run import collecting, instance, job_of

logger = logging.getLogger(__name__)


def execute_step(body: str, attempt: int, queue: str) -> None:
    """Execute attempt number `attempt` of a step, if it is its turn and nobody else has it; or do nothing."""
    worker = identity()
    if worker is None:
        raise RuntimeError("steps are executed by Celery workers only")
    arguments = deserialize_value(body, ExecuteStepArgs)
    (key,) = arguments.step_keys_to_execute or [""]
    claim = Claim(arguments.run_id, worker.id, worker.host, os.getpid(), queue, step_key=key)
    # SIGTERM from here on is an interrupt that Dagster raises where it is safe, not the end of this process.
    with capture_interrupts():
        began = time.monotonic()
        if not patiently(lambda: _acquire(claim)):
            logger.info("run %s, step %s: taken already, or its run is over", claim.run_id, key)
            return
        with held(claim, began), collecting(claim.run_id):
            if not patiently(lambda: _is_its_turn(claim, attempt)):
                logger.info("run %s, step %s: attempt %d was begun before", claim.run_id, key, attempt)
                return
            for _ in _events(arguments, key):
                pass


def _acquire(claim: Claim) -> bool:
    with database.engine().begin() as connection:
        return leases.acquire_step(connection, claim, terms().expiry)


def _is_its_turn(claim: Claim, attempt: int) -> bool:
    with database.engine().connect() as connection:
        return step_progress(connection, claim.run_id, claim.step_key).may_begin(attempt)


def _events(arguments: ExecuteStepArgs, key: str) -> Iterator[dg.DagsterEvent]:
    """Dagster's `_execute_step_command_body` without what a warm worker knows already (private API)."""
    on = instance()
    run = on.get_run_by_id(arguments.run_id)
    if run is None or run.status is not dg.DagsterRunStatus.STARTED:
        return
    try:
        job = job_of(run).get_subset(
            op_selection=run.resolved_op_selection,
            asset_selection=run.asset_selection,
            asset_check_selection=run.asset_check_selection,
        )
        plan = create_execution_plan(
            job,
            run_config=run.run_config,
            step_keys_to_execute=[key],
            known_state=arguments.known_state,
            repository_load_data=job.repository.repository_load_data,
        )
        step_tags = plan.get_step_by_key(key).tags or {}
        with time_limit(timeout_seconds(step_tags)):
            yield from execute_plan_iterator(
                plan, job, run, on, run_config=run.run_config, retry_mode=arguments.retry_mode
            )
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        yield on.report_engine_event("Step execution was interrupted.", run, step_key=key)
    except Exception:
        # No end is written for the step: the run's executor finds that, and fails or retries it.
        error = serializable_error_info_from_exc_info(sys.exc_info())
        logger.exception("run %s, step %s could not be executed", run.run_id, key)
        yield on.report_engine_event(
            "The step could not be executed.", run, EngineEventData.engine_error(error), step_key=key
        )

"""Execute one step of a run in a warm worker process."""

from __future__ import annotations

import logging
import os
import sys
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
from scheduler_defs.execution.elsewhere.place import place_of, settle_in
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.current import hold_lease
from scheduler_defs.execution.leases.leases import Claim
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.identity import identity
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.steps.progress import step_progress
from scheduler_defs.execution.steps.timeout import time_limit, timeout_seconds
from scheduler_defs.execution.storage.pool import patiently
from scheduler_defs.execution.worker.running.condition import condition
from scheduler_defs.execution.worker.running.job import is_somebodys, job_of
from scheduler_defs.execution.worker.running.run import (
    apart,
    collecting,
    end_if_changed,
    keep_warm,
    write_collected,
)
from scheduler_defs.execution.worker.running.warm import instance

logger = logging.getLogger(__name__)

_ENDED, _NOT_ENDED = 0, 10
"""Exit codes of the process of a step: an event says how the step ended, or none does."""

_BEGINS = frozenset(
    kind.value for kind in (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_RESTARTED)
)
_ENDS = frozenset(
    kind.value
    for kind in (
        dg.DagsterEventType.STEP_SUCCESS,
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.STEP_SKIPPED,
        dg.DagsterEventType.STEP_UP_FOR_RETRY,
    )
)


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
        began = clock.now()
        if not patiently(lambda: _acquire(claim)):
            logger.info("run %s, step %s: taken already, or its run is over", claim.run_id, key)
            return
        before = None
        with hold_lease(claim, began) as lease:
            if not patiently(lambda: _is_its_turn(claim, attempt)):
                logger.info("run %s, step %s: attempt %d was begun before", claim.run_id, key, attempt)
                return
            run = instance().get_run_by_id(claim.run_id)
            if run is None or run.status is not dg.DagsterRunStatus.STARTED:
                return
            lease.under_way = True
            place = place_of(run)
            if place is not None or is_somebodys(run):
                ending = apart(lease, run, lambda: _execute(run, arguments, key))
                code = ending.code
                if code not in (_ENDED, _NOT_ENDED):
                    instance().report_engine_event(f"The step is over: {ending.said}.", run, step_key=key)
                if place is not None and code == _ENDED:
                    keep_warm(run, place)
            else:
                before = condition()
                code = _execute(run, arguments, key)
            lease.under_way = code != _ENDED
    end_if_changed(claim.run_id, before)


def _execute(run: dg.DagsterRun, arguments: ExecuteStepArgs, key: str) -> int:
    """Execute the step; whether an event has said how it ended."""
    ended = _NOT_ENDED
    with collecting(run.run_id):
        for event in _events(run, arguments, key):
            if event.event_type_value in _ENDS:
                ended = _ENDED
            elif event.event_type_value in _BEGINS:
                # Before its code runs: a step that is killed at once must not look as if it had not begun.
                write_collected()
    return ended


def _acquire(claim: Claim) -> bool:
    with database.engine().begin() as connection:
        return leases.acquire_step(connection, claim, terms().expiry)


def _is_its_turn(claim: Claim, attempt: int) -> bool:
    with database.engine().connect() as connection:
        return step_progress(connection, claim.run_id, claim.step_key).may_begin(attempt)


def _events(run: dg.DagsterRun, arguments: ExecuteStepArgs, key: str) -> Iterator[dg.DagsterEvent]:
    """Dagster's `_execute_step_command_body` without what a warm worker knows already (private API)."""
    on = instance()
    try:
        settle_in(place_of(run))
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

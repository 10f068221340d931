"""Runs of other locations that our schedules and retries ask for (private Dagster API, contract-tested).

A schedule's code server knows no other location, and Dagster's daemon launches what a tick asks for in the
tick's own location. So the request says in a tag what it is for, and the daemon, which has the workspace,
looks there. What is not there fails the run that was asked for, with that reason.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.run_request import RunRequest
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import RUN_KEY_TAG, SCHEDULED_EXECUTION_TIME_TAG
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon import controller, sensor  # first: the scheduler and the daemon import each other
from dagster._scheduler import scheduler
from dagster._scheduler.scheduler import SubmitRunRequestResult

from scheduler_defs import tags
from scheduler_defs.execution.elsewhere.creating import created, launchable
from scheduler_defs.execution.elsewhere.target import NotThereError, parse
from scheduler_defs.execution.failure import one_line

_ = controller
_of_schedule = scheduler._submit_run_request
_of_sensor = sensor._submit_run_request
_OF_THE_REQUEST = frozenset({tags.ELSEWHERE, tags.ORDERED_RUN})


def install() -> None:
    """Have this process' daemons launch what our schedules and retries ask for in other locations."""
    scheduler._submit_run_request = for_schedule
    sensor._submit_run_request = for_sensor


def for_schedule(
    run_request: RunRequest,
    workspace_process_context: IWorkspaceProcessContext,
    remote_schedule: Any,
    schedule_time: dt.datetime,
    logger: logging.Logger,
    debug_crash_flags: Any,
) -> SubmitRunRequestResult:
    """As Dagster's; a request for another location is launched there, under the ledger's run id."""
    if tags.ELSEWHERE not in run_request.tags:
        return _of_schedule(
            run_request, workspace_process_context, remote_schedule, schedule_time, logger, debug_crash_flags
        )
    run_id = run_request.tags.get(tags.ORDERED_RUN) or None
    more = {SCHEDULED_EXECUTION_TIME_TAG: schedule_time.astimezone(dt.UTC).isoformat()}
    run, existed = submitted(workspace_process_context, run_request, run_id, more)
    return SubmitRunRequestResult(
        run_key=run_request.run_key,
        error_info=None,
        existing_run=run if existed else None,
        submitted_run=None if existed else run,
    )


def for_sensor(
    run_id: str,
    run_request: RunRequest,
    workspace_process_context: IWorkspaceProcessContext,
    remote_sensor: Any,
    existing_runs_by_key: Mapping[str, DagsterRun],
    logger: logging.Logger,
    sensor_debug_crash_flags: Any,
) -> Any:
    """As Dagster's; a request for another location is launched there, once for each run key."""
    if tags.ELSEWHERE not in run_request.tags:
        return _of_sensor(
            run_id,
            run_request,
            workspace_process_context,
            remote_sensor,
            existing_runs_by_key,
            logger,
            sensor_debug_crash_flags,
        )
    known = existing_runs_by_key.get(run_request.run_key or "")
    if known is not None and known.status is not dg.DagsterRunStatus.NOT_STARTED:
        skipped = sensor.SkippedSensorRun(run_key=run_request.run_key, existing_run=known)
        return sensor.SubmitRunRequestResult(run_key=run_request.run_key, error_info=None, run=skipped)
    own = DagsterRun.tags_for_sensor(remote_sensor)
    wanted = run_id if known is None else known.run_id
    run, _ = submitted(workspace_process_context, run_request, wanted, own)
    return sensor.SubmitRunRequestResult(run_key=run_request.run_key, error_info=None, run=run)


def submitted(
    context: IWorkspaceProcessContext, request: RunRequest, run_id: str | None, more: Mapping[str, str]
) -> tuple[DagsterRun, bool]:
    """The run, in the queue, or failed because there is nothing to run; and whether it was out before.

    Raises DagsterUserCodeUnreachableError while nobody can say: Dagster then asks again.
    """
    instance = context.instance
    existing = None if run_id is None else instance.get_run_by_id(run_id)
    if existing is not None and existing.status is not dg.DagsterRunStatus.NOT_STARTED:
        return existing, True
    target = parse(request.tags[tags.ELSEWHERE])
    run_tags = {key: value for key, value in request.tags.items() if key not in _OF_THE_REQUEST} | dict(more)
    if request.run_key:
        run_tags[RUN_KEY_TAG] = request.run_key
    workspace = context.create_request_context()
    try:
        run = launchable(workspace, target, request.run_config, run_tags, run_id)
    except NotThereError as error:
        run = created(instance, target, request.run_config, run_id, run_tags)
        instance.report_run_failed(run, f"Run failed: {one_line(str(error))}")
        return run, False
    instance.submit_run(run.run_id, workspace)
    return run, False

"""Creating runs of other locations, one by one or as the parts of a backfill (private Dagster API)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import RUN_KEY_TAG, SCHEDULED_EXECUTION_TIME_TAG, TICK_ID_TAG
from dagster._core.utils import make_new_run_id
from dagster._core.workspace.context import BaseWorkspaceRequestContext

from scheduler_defs import tags
from scheduler_defs.execution.elsewhere import backfills
from scheduler_defs.execution.elsewhere.finding import Found, find
from scheduler_defs.execution.elsewhere.partitions import partition_keys
from scheduler_defs.execution.elsewhere.target import Target, backfill_id, run_id_of

_OF_THE_OCCURRENCE = frozenset({RUN_KEY_TAG, TICK_ID_TAG, SCHEDULED_EXECUTION_TIME_TAG, tags.MISSED})


def launchable(
    workspace: BaseWorkspaceRequestContext,
    target: Target,
    run_config: Mapping[str, Any],
    run_tags: Mapping[str, str],
    run_id: str | None = None,
) -> DagsterRun:
    """A run of the target that waits to be submitted. Raises NotThereError when there is nothing to run.

    Where the target is of several partitions it is the run of the newest, and those of the others have been
    submitted. Doing it again with the same run id creates nothing anew.
    """
    instance = workspace.instance
    found = find(workspace, target)
    if found.partitions is None:
        return created(instance, found, run_config, run_id, run_tags)
    keys = partition_keys(found.partitions, target, target.moment, instance)
    newest = found.of_partition(keys[-1], instance)
    if target.last is None and target.backfill is None:
        return created(instance, newest, run_config, run_id, run_tags)
    run_id = run_id or make_new_run_id()
    backfill = target.backfill or backfill_id(run_id)
    run = created(instance, newest, run_config, run_id, {**run_tags, tags.BACKFILL: backfill})
    plan = backfills.planned(found.partitions, target, instance)
    more = {key: value for key, value in run_tags.items() if key not in _OF_THE_OCCURRENCE}
    more |= {tags.TRIGGER: tags.Trigger.BACKFILL.value, tags.BACKFILL: backfill}
    others: list[DagsterRun] = []
    for key in plan.without_occurrence:
        one = found.of_partition(key, instance)
        others.append(created(instance, one, run_config, run_id_of(backfill, key), more))
    # With its runs there already, else Dagster's daemon finds it complete.
    backfills.ensure(workspace, found, backfill, plan.keys, run_tags)
    for each in others:
        if each.status is dg.DagsterRunStatus.NOT_STARTED:
            instance.submit_run(each.run_id, workspace)
    return run


def created(
    instance: dg.DagsterInstance,
    found: Found | Target,
    run_config: Mapping[str, Any],
    run_id: str | None,
    run_tags: Mapping[str, str],
) -> DagsterRun:
    """The run; of a target that is not there, one without a job, and without a further attempt."""
    values: dict[str, Any] = {"job_name": "", "run_config": dict(run_config), "asset_graph": None}
    if isinstance(found, Target):
        run_tags = {key: value for key, value in run_tags.items() if key != tags.RETRIES}
        values |= {
            "job_name": found.job or "__ASSET_JOB",
            "tags": {**run_tags, tags.MAX_ATTEMPTS: run_tags.get(tags.ATTEMPT, "1")},
        }
    else:
        job = found.job
        config = {**found.run_config, **run_config}
        plan = found.location.get_execution_plan(job, config, None, None)
        values |= {
            "job_name": job.name,
            "run_config": config,
            "tags": {**job.run_tags, **found.tags, **run_tags},
            "resolved_op_selection": job.resolved_op_selection,
            "op_selection": job.op_selection,
            "job_snapshot": job.job_snapshot,
            "execution_plan_snapshot": plan.execution_plan_snapshot,
            "parent_job_snapshot": job.parent_job_snapshot,
            "remote_job_origin": job.get_remote_origin(),
            "job_code_origin": job.get_python_origin(),
            "asset_selection": found.assets,
            "asset_graph": found.repository.asset_graph,
        }
    try:
        return instance.create_run(
            **{
                "run_id": run_id,
                "status": dg.DagsterRunStatus.NOT_STARTED,
                "root_run_id": None,
                "parent_run_id": None,
                "step_keys_to_execute": None,
                "execution_plan_snapshot": None,
                "job_snapshot": None,
                "parent_job_snapshot": None,
                "asset_selection": None,
                "asset_check_selection": None,
                "resolved_op_selection": None,
                "op_selection": None,
                "remote_job_origin": None,
                "job_code_origin": None,
                **values,
            }
        )
    except DagsterRunAlreadyExists:
        existing = None if run_id is None else instance.get_run_by_id(run_id)
        if existing is None:
            raise
        return existing

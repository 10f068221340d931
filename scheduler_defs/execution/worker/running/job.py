"""The job of a run, from definitions that are no older than the run, and whose code it is."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.storage.dagster_run import DagsterRun
from dagster._utils.hosted_user_process import recon_job_from_origin

from scheduler_defs.execution.elsewhere.place import inside, place_of
from scheduler_defs.execution.worker.running.freshness import definitions_of
from scheduler_defs.execution.worker.running.warm import instance

_OURS = ("scheduler_defs.", "sensors.", "resources.")


def job_of(run: DagsterRun) -> ReconstructableJob:
    """The run's job from definitions that are no older than the run. Raises whatever loading them raises."""
    origin = run.job_code_origin
    if origin is None:
        raise ValueError(f"run {run.run_id} does not say where its code is")
    instance().inject_env_vars(run.remote_job_origin.location_name if run.remote_job_origin else None)
    place = place_of(run)
    with definitions_of(place.key if place else None).loading(), inside(place):
        job = recon_job_from_origin(origin)
        if run.has_repository_load_data and run.execution_plan_snapshot_id:
            plan = instance().get_execution_plan_snapshot(run.execution_plan_snapshot_id)
            job = job.with_repository_load_data(plan.repository_load_data)
        job.get_definition()
    return job


def is_somebodys(run: DagsterRun) -> bool:
    """Whether the run executes code that is not this program's own, such as a job written in Python.

    Commands run under a guard, and what is built in leaves its process as it was. A job that cannot be loaded
    is none: what is wrong with it is found, and said, where it is executed.
    """
    try:
        definition = job_of(run).get_definition()
    except (Exception, SystemExit):
        return False
    return not all(
        _module(op).startswith(_OURS) for op in definition.all_node_defs if isinstance(op, dg.OpDefinition)
    )


def _module(op: dg.OpDefinition) -> str:
    compute = op.compute_fn
    function = compute.decorated_fn if isinstance(compute, DecoratedOpFunction) else compute
    return str(getattr(function, "__module__", ""))

"""A declared job with `steps` as a Dagster job: one op per step, executed by what its `executor` says."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Job, Step, StepExecutor
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.commands.form import launch_form
from scheduler_defs.jobs.commands.job import DONE, command_op, job_metadata
from scheduler_defs.jobs.commands.spec import of_step, op_name
from scheduler_defs.jobs.run_tags import job_tags


def build_steps_job(job: Job) -> dg.JobDefinition:
    """The Dagster job for a declared job with `steps`. Each step's op takes the job's parameters, given once.

    A job's `queue` is that of its steps, where these have workers of their own. Raises SignalboxError for a
    job without steps.
    """
    if not job.steps:
        raise SignalboxError(f"{job.source}: jobs.{job.name}: has no steps")
    name = dagster_name(job.name)
    graph = dg.GraphDefinition(
        name=name,
        node_defs=[_op(job, step) for step in job.steps.values()],
        dependencies=dependencies(job),
    )
    return graph.to_job(
        name=name,
        description=job.description,
        tags=dict(job.tags),
        run_tags=job_tags(job),
        metadata=job_metadata(job),
        executor_def=executor_of(job),
        config=launch_form(job, [dagster_name(step) for step in job.steps]),
    )


def executor_of(job: Job) -> dg.ExecutorDefinition:
    """What executes the steps."""
    match job.executor:
        case StepExecutor.IN_PROCESS:
            return dg.in_process_executor
        case StepExecutor.CELERY:
            from scheduler_defs.execution.steps.executor_job import celery_steps_executor

            return celery_steps_executor


def dependencies(job: Job) -> dict[dg.NodeInvocation, Mapping[str, dg.DependencyDefinition]]:
    """The ops of the steps under the steps' names, and what each waits for."""
    return {
        dg.NodeInvocation(op_name(job, step.name), alias=dagster_name(step.name)): {
            input_of(need): dg.DependencyDefinition(dagster_name(need), DONE) for need in step.needs
        }
        for step in (job.steps or {}).values()
    }


def queue_of(job: Job, step: Step) -> dict[str, str]:
    """The tag of a step's op that says to which queue it goes; nothing: to the default one."""
    queue = step.queue or job.queue
    return {tags.CELERY_QUEUE: queue} if queue else {}


def input_of(need: str) -> str:
    """The input of a step's op that waits for another step."""
    return f"after_{dagster_name(need)}"


def _op(job: Job, step: Step) -> dg.OpDefinition:
    return command_op(
        of_step(job, step),
        op_name(job, step.name),
        tuple(map(input_of, step.needs)),
        queue_of(job, step),
    )

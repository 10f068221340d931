"""A declared job with `steps` as a Dagster job: one op per step, executed by step workers in parallel."""

from __future__ import annotations

import math

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.declarations.models import Job, Step
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.command import DONE, command_op, job_metadata, job_tags, op_name
from scheduler_defs.jobs.command_spec import of_step


def build_steps_job(job: Job) -> dg.JobDefinition:
    """The Dagster job for a declared job with `steps`. Each step's op takes the job's parameters.

    A job's `queue` is that of its steps: its run, which only waits for them, stays on the queue for runs, so
    that runs and steps never wait for each other's slots. Raises SignalboxError for a job without steps.
    """
    from scheduler_defs.execution.steps import celery_steps_executor

    if not job.steps:
        raise SignalboxError(f"{job.source}: jobs.{job.name}: has no steps")
    name = dagster_name(job.name)
    graph = dg.GraphDefinition(
        name=name,
        node_defs=[_op(job, step) for step in job.steps.values()],
        dependencies={
            dg.NodeInvocation(op_name(job, step.name), alias=dagster_name(step.name)): {
                _input(need): dg.DependencyDefinition(dagster_name(need), DONE) for need in step.needs
            }
            for step in job.steps.values()
        },
    )
    run_tags = job_tags(job)
    if job.timeout is not None:
        run_tags[tags.MAX_RUNTIME] = str(max(1, math.ceil(job.timeout.total_seconds())))
    return graph.to_job(
        name=name,
        description=job.description,
        tags=dict(job.tags),
        run_tags=run_tags,
        metadata=job_metadata(job),
        executor_def=celery_steps_executor,
    )


def _op(job: Job, step: Step) -> dg.OpDefinition:
    queue = step.queue or job.queue
    return command_op(
        of_step(job, step),
        op_name(job, step.name),
        tuple(_input(need) for need in step.needs),
        {tags.CELERY_QUEUE: queue} if queue else None,
    )


def _input(need: str) -> str:
    return f"after_{dagster_name(need)}"

"""A declared `command` job as a Dagster job: one op, executed in the worker's own process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from scheduler_defs import launching, tags
from scheduler_defs.declarations.models import Job
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.jobs.command_retries import StepRetryPolicy
from scheduler_defs.jobs.command_run import run_command
from scheduler_defs.jobs.command_spec import CommandSpec, of_job
from scheduler_defs.jobs.params import config_fields

DONE = "done"
"""The one output of every op here. It carries metadata and no value: nothing is handed on through storage."""


def build_command_job(job: Job) -> dg.JobDefinition:
    """The Dagster job for a declared job with a `command`. Its parameters are the config of its op."""
    name = dagster_name(job.name)
    op = command_op(of_job(job), op_name(job, ""), ())
    graph = dg.GraphDefinition(
        name=name, node_defs=[op], dependencies={dg.NodeInvocation(op.name, alias=name): {}}
    )
    run_tags = job_tags(job)
    if job.queue is not None:
        run_tags[tags.CELERY_QUEUE] = job.queue
    return graph.to_job(
        name=name,
        description=job.description,
        tags=dict(job.tags),
        run_tags=run_tags,
        metadata=job_metadata(job),
        executor_def=dg.in_process_executor,
    )


def command_op(
    spec: CommandSpec, name: str, after: tuple[str, ...], op_tags: dict[str, str] | None = None
) -> dg.OpDefinition:
    """The op that runs a command, once the inputs named in `after` say that their steps have succeeded."""

    # Dagster reads the annotation of `context`, and not as a string.
    def compute(context, _inputs) -> Iterator[dg.Output[None]]:
        yield dg.Output(None, output_name=DONE, metadata=run_command(context, spec))

    retries = spec.retries
    return dg.OpDefinition(
        name=name,
        compute_fn=compute,
        ins={input_name: dg.In(dg.Nothing) for input_name in after},
        outs={DONE: dg.Out(dg.Nothing)},
        config_schema=config_fields(dagster_name(spec.job), spec.params),
        tags=op_tags,
        retry_policy=StepRetryPolicy(retries) if retries is not None and retries.max_attempts > 1 else None,
    )


def op_name(job: Job, step: str) -> str:
    """A name for the op's definition that no other job, graph or op has: Dagster wants them all to differ.

    In the graph the op bears its step's (or job's) own name, as an alias; run config uses that.
    """
    name = dagster_name(job.name)
    return f"command_{len(name)}_{name}_{dagster_name(step)}".rstrip("_")


def job_tags(job: Job) -> dict[str, str]:
    """What every run of the job carries, the launchpad's included. What a launch knows better wins."""
    found = {
        **job.tags,
        tags.JOB: job.name,
        tags.TRIGGER: tags.Trigger.MANUAL.value,
        **launching.retry_tags(job.retries),
    }
    if job.priority:
        found[tags.PRIORITY] = str(job.priority)
    return found


def job_metadata(job: Job) -> dict[str, Any]:
    """Shown beside the job in the UI."""
    found: dict[str, Any] = {"declared": str(job.source)}
    if job.owner:
        found["owner"] = job.owner
    if job.timeout is not None:
        found["timeout_seconds"] = job.timeout.total_seconds()
    return found

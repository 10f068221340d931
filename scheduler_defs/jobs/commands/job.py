"""A declared `command` job as a Dagster job: one op, executed in the worker's own process."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, job_page
from scheduler_defs.declarations.models.declared import Job
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.jobs.commands.form import launch_form
from scheduler_defs.jobs.commands.params import config_fields
from scheduler_defs.jobs.commands.retries import step_retries
from scheduler_defs.jobs.commands.running.run import run_command
from scheduler_defs.jobs.commands.spec import CommandSpec, of_job, op_name
from scheduler_defs.jobs.commands.stages import Turn, turn
from scheduler_defs.jobs.run_tags import job_tags

DONE = "done"
"""The one output of every op here. It carries metadata and no value: nothing is handed on through storage."""

_MOST_SHOWN = 2_000


def build_command_job(job: Job) -> dg.JobDefinition:
    """The Dagster job for a declared job with a `command`. Its parameters are its config."""
    name = dagster_name(job.name)
    op = command_op(of_job(job), op_name(job, ""), ())
    graph = dg.GraphDefinition(
        name=name, node_defs=[op], dependencies={dg.NodeInvocation(op.name, alias=name): {}}
    )
    return graph.to_job(
        name=name,
        description=job.description,
        tags=dict(job.tags),
        run_tags=job_tags(job),
        metadata=job_metadata(job),
        executor_def=dg.in_process_executor,
        config=launch_form(job, [name]),
    )


def command_op(
    spec: CommandSpec, name: str, after: tuple[str, ...], op_tags: dict[str, str] | None = None
) -> dg.OpDefinition:
    """The op that runs a command, once the inputs named in `after` say that their steps have succeeded."""

    # Dagster reads the annotation of `context`, and not as a string.
    def compute(context, _inputs) -> Iterator[dg.Output[None]]:
        now = turn(context, gated=spec.gated) if spec.in_stages else Turn.NOW
        if now is Turn.NOW:
            yield dg.Output(None, output_name=DONE, metadata=run_command(context, spec))
        elif now is Turn.DONE:
            before = context.run.tags[tags.AFTER_RUN]
            yield dg.Output(None, output_name=DONE, metadata={"done by run": before})

    return dg.OpDefinition(
        name=name,
        compute_fn=compute,
        ins={input_name: dg.In(dg.Nothing) for input_name in after},
        outs={DONE: dg.Out(dg.Nothing, is_required=not spec.gated)},
        config_schema=config_fields(dagster_name(spec.job), spec.params),
        tags=op_tags,
        retry_policy=step_retries(spec.retries),
    )


def job_metadata(job: Job) -> dict[str, Any]:
    """Shown beside the job in the UI."""
    found: dict[str, Any] = {"declared": str(job.source), PAGE: dg.MetadataValue.url(job_page(job.name))}
    if job.command:
        found["command"] = _shown(job.command)
    for step in (job.steps or {}).values():
        found[f"command of {step.name}"] = _shown(step.command)
    if job.owner:
        found["owner"] = job.owner
    if job.timeout is not None:
        found["timeout_seconds"] = job.timeout.total_seconds()
    return found


def _shown(command: Sequence[str]) -> str:
    """The command as one would type it, as it is declared: without the values of its parameters."""
    line = shlex.join(command)
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"

"""Whose turn a step is, where people must agree in the middle of a job: now, done before, or not yet."""

from __future__ import annotations

from enum import Enum

import dagster as dg
from dagster import OpExecutionContext

from scheduler_defs import tags
from scheduler_defs.approvals.stages import OPEN, gates_of

_OUTPUT = frozenset({dg.DagsterEventType.STEP_OUTPUT})


class Turn(Enum):
    """What becomes of a step in this run."""

    NOW = "now"
    """Its command runs."""
    DONE = "done"
    """The run before has done it."""
    WAITS = "waits"
    """People must agree first: this run ends without it, and another one goes on with it."""


def turn(context: OpExecutionContext, *, gated: bool) -> Turn:
    """Where the step stands. One that waits is noted on its run, which the sensor `stages` looks for."""
    run, step = context.run, context.op_handle.name
    before = run.tags.get(tags.AFTER_RUN)
    if before is not None and step in done_in(context.instance, before, run.job_name):
        return Turn.DONE
    if not gated or step in gates_of(run.tags):
        return Turn.NOW
    context.instance.add_run_tags(run.run_id, {tags.NEXT_STAGE: OPEN})
    context.log.info(f"{step} waits until people agree; another run goes on with it then")
    return Turn.WAITS


def done_in(instance: dg.DagsterInstance, run_id: str, job: str) -> set[str]:
    """The steps that have been done by the end of a run of the job. One that waited has put nothing out."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.job_name != job:
        return set()
    entries = instance.all_logs(run_id, of_type=set(_OUTPUT))
    return {entry.step_key for entry in entries if entry.step_key}


def waiting_in(instance: dg.DagsterInstance, run_id: str, job: str) -> set[str]:
    """The steps that this run has come to and has left to the next one."""
    ended = instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_SUCCESS})
    return {entry.step_key for entry in ended if entry.step_key} - done_in(instance, run_id, job)

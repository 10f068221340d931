"""A declared command, as its op needs it. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.declarations.models.declared import Job, Param, Retries, Step
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError

CONFIG = "config"
"""Where the run config of a declared job holds its parameters: each once, however many steps it has."""


@dataclass(frozen=True)
class CommandSpec:
    """One command of a job. `step` is None for a job that is one command.

    `retries` are those of a step, within its run; a whole job's retries are runs of their own.
    `run_timeout` is that of a step's whole run, for runs whose tags do not say another one.
    """

    job: str
    step: str | None
    argv: tuple[str, ...]
    params: Mapping[str, Param]
    env: tuple[str, ...]
    cwd: str | None
    timeout: dt.timedelta | None
    grace: dt.timedelta
    artifacts: tuple[str, ...]
    retries: Retries | None = None
    run_timeout: dt.timedelta | None = None
    in_stages: bool = False
    """Whether people must agree to any step of its job after its run has started; `gated`: to this one."""
    gated: bool = False


def of_job(job: Job) -> CommandSpec:
    """The command of a job without steps. Raises SignalboxError for one that has none."""
    if job.command is None:
        raise SignalboxError(f"{job.source}: jobs.{job.name}: has steps, not a command")
    return CommandSpec(
        job=job.name,
        step=None,
        argv=job.command,
        params=job.params,
        env=job.env,
        cwd=job.cwd,
        timeout=job.timeout,
        grace=job.grace,
        artifacts=job.artifacts,
    )


def op_name(job: Job, step: str) -> str:
    """A name for the op's definition that no other job, graph or op has: Dagster wants them all to differ.

    In the graph the op bears its step's (or job's) own name, as an alias; run config uses that.
    """
    name = dagster_name(job.name)
    return f"command_{len(name)}_{name}_{dagster_name(step)}".rstrip("_")


def of_step(job: Job, step: Step) -> CommandSpec:
    """The command of one step. Environment and working directory of the job hold for its steps."""
    return CommandSpec(
        job=job.name,
        step=step.name,
        argv=step.command,
        params=job.params,
        env=tuple(dict.fromkeys((*job.env, *step.env))),
        cwd=step.cwd or job.cwd,
        timeout=step.timeout,
        grace=job.grace,
        artifacts=step.artifacts,
        retries=step.retries,
        run_timeout=job.timeout,
        in_stages=job.in_stages,
        gated=step.approve is not None and step.name not in job.gated_at_start,
    )


def working_directory(cwd: str | None, project: Path, fresh: Path) -> Path:
    """Where a command runs: without `cwd` in `fresh`, a folder of its own; else relative to the project.

    A relative one must not lead out of the project, not by `..` and not by a symbolic link. Whoever wants
    to be elsewhere says so, with an absolute path. Raises SignalboxError.
    """
    if cwd is None:
        return fresh
    path = Path(cwd).expanduser()
    if path.is_absolute():
        return path
    found = (project / path).resolve()
    if not found.is_relative_to(project.resolve()):
        raise SignalboxError(
            f"cwd: {cwd!r} leads out of {project}; allowed are folders in it, and absolute paths"
        )
    return found

"""All that is decided and written before a command starts."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.atomic import write_atomically
from scheduler_defs.execution.leases.timeout import max_runtime_seconds
from scheduler_defs.jobs.commands.artifacts.folders import run_folder
from scheduler_defs.jobs.commands.params import DIRECTIVE, check_values
from scheduler_defs.jobs.commands.running.arguments import Placeholders
from scheduler_defs.jobs.commands.running.env import CommandEnvironment, command_environment
from scheduler_defs.jobs.commands.spec import CommandSpec, working_directory
from scheduler_defs.private import make_private
from scheduler_defs.settings import Settings


@dataclass
class Scratch:
    """A folder of one attempt's own: working directory, messages, directive.

    Once it is `guarded`, the guard removes it, after the last of the command's processes.
    """

    path: Path
    guarded: bool = False


@dataclass(frozen=True)
class TimeLimit:
    """`seconds` is the limit as declared; `left` is what is left of it for the command."""

    seconds: float
    left: float


@dataclass(frozen=True)
class Prepared:
    """A command that can be started. `kept` is the folder of its artifacts."""

    argv: list[str]
    environment: CommandEnvironment
    cwd: Path
    scratch: Scratch
    kept: Path
    directive: Mapping[str, str] | None
    params: Mapping[str, Any]
    limit: TimeLimit | None


@contextmanager
def scratch_folder(place: Settings) -> Iterator[Scratch]:
    """A new folder below `<state>/work`, removed at the end unless a guard sees to that."""
    base = place.state / "work"
    make_private(base)
    scratch = Scratch(Path(tempfile.mkdtemp(dir=base)))
    try:
        (scratch.path / "cwd").mkdir()
        yield scratch
    finally:
        if not scratch.guarded:
            shutil.rmtree(scratch.path, ignore_errors=True)


def prepare(context: dg.OpExecutionContext, spec: CommandSpec, place: Settings, scratch: Scratch) -> Prepared:
    """Check everything, then make the folders. Raises SignalboxError or OSError."""
    config: Mapping[str, Any] = context.op_config or {}
    params = check_values(spec.params, config)
    directive: Mapping[str, str] | None = config.get(DIRECTIVE)
    project = place.config.parent
    kept = run_folder(place.artifacts, context.run_id, spec.step)
    facts = facts_of_run(context, spec, kept)
    directive_file = scratch.path / "directive.md"
    if directive is not None:
        facts["SIGNALBOX_DIRECTIVE_FILE"] = str(directive_file)
    environment = command_environment(os.environ, spec.env, facts)
    run_tags = context.run_tags
    placeholders = Placeholders(
        params=params,
        run_id=context.run_id,
        schedule=run_tags.get(tags.SCHEDULE, ""),
        scheduled_for=run_tags.get(tags.SCHEDULED_FOR, ""),
        state=place.state,
        project=project,
    )
    prepared = Prepared(
        argv=placeholders.fill(spec.argv),
        environment=environment,
        cwd=working_directory(spec.cwd, project, scratch.path / "cwd"),
        scratch=scratch,
        kept=kept,
        directive=directive,
        params=params,
        limit=time_limit(context, spec),
    )
    make_private(kept)
    if directive is not None:
        directive_file.write_text(directive["text"], encoding="utf-8")
        _keep_directive(directive["text"], run_folder(place.artifacts, context.run_id))
    return prepared


def time_limit(context: dg.OpExecutionContext, spec: CommandSpec) -> TimeLimit | None:
    """The limit that is reached first: the command's own, or what is left of the run's."""
    limits: list[TimeLimit] = []
    if spec.timeout is not None:
        limits.append(TimeLimit(spec.timeout.total_seconds(), spec.timeout.total_seconds()))
    seconds = max_runtime_seconds(context.run)
    if seconds is None and spec.run_timeout is not None:  # no such tag, or one that is no number
        seconds = spec.run_timeout.total_seconds()
    if seconds is not None:
        left = seconds
        if spec.step is not None:  # a step may start long after its run
            record = context.instance.get_run_record_by_id(context.run_id)
            if record is not None and record.start_time is not None:
                left = max(0.0, seconds - (time.time() - record.start_time))
        limits.append(TimeLimit(seconds, left))
    return min(limits, key=lambda limit: limit.left, default=None)


def facts_of_run(context: dg.OpExecutionContext, spec: CommandSpec, kept: Path) -> dict[str, str]:
    """Variables that tell a command about its run; those that do not apply are left out."""
    run_tags = context.run_tags
    named = {
        "SIGNALBOX_RUN_ID": context.run_id,
        "SIGNALBOX_JOB": spec.job,
        "SIGNALBOX_STEP": spec.step,
        "SIGNALBOX_SCHEDULE": run_tags.get(tags.SCHEDULE),
        "SIGNALBOX_SCHEDULED_FOR": run_tags.get(tags.SCHEDULED_FOR),
        "SIGNALBOX_ATTEMPT": run_tags.get(tags.ATTEMPT),
        "SIGNALBOX_DIRECTIVE": run_tags.get(tags.DIRECTIVE),
        "SIGNALBOX_ARTIFACTS": str(kept),
    }
    return {name: value for name, value in named.items() if value is not None}


def _keep_directive(text: str, folder: Path) -> None:
    """A copy among the run's artifacts: once, however many steps and attempts read it."""
    kept = folder / "directive.md"
    if not kept.exists():
        write_atomically(kept, text, mode=0o400)

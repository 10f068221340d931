"""Run a declared command inside a Dagster run: what the op of a command job, and of a step, does."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.failure import record_failure
from scheduler_defs.execution.guard import Guarded, NotStartedError, Outcome
from scheduler_defs.jobs import artifacts
from scheduler_defs.jobs.command_failure import CommandFailure, explain
from scheduler_defs.jobs.command_prepare import Prepared, prepare, scratch_folder
from scheduler_defs.jobs.command_retries import is_retriable
from scheduler_defs.jobs.command_spec import CommandSpec
from scheduler_defs.jobs.output import CommandOutput, Tail, hide
from scheduler_defs.jobs.pipes import CommandPipes
from scheduler_defs.settings import settings
from scheduler_defs.tags import Failure

TICK = timedelta(seconds=0.5)
"""How often the messages of a running command are read."""

MOST_LISTED = 1000
"""Artifacts that the run's metadata list one by one. All are kept and counted."""


def run_command(context: dg.OpExecutionContext, spec: CommandSpec) -> dict[str, Any]:
    """Run the command to its end; the metadata of its run.

    Raises dg.Failure, with the same metadata, when it cannot be started, does not succeed in time, or its
    artifacts cannot be kept. The run then carries the reason as tags. An interrupt passes at once: the guard
    gives the command its grace.
    """
    metadata: dict[str, Any] = {}
    try:
        place = settings()
        with scratch_folder(place) as scratch:
            prepared = prepare(context, spec, place, scratch)
            outcome, tail = _run(context, spec, prepared, metadata)
    except (SignalboxError, OSError) as error:
        said = " ".join(str(error).split())
        why = CommandFailure(Failure.ERROR, said, said)
    else:
        if outcome.succeeded:
            return metadata
        metadata |= {"exit_code": outcome.exit_code, **_printed(tail)}
        why = explain(outcome, tail, prepared.limit.seconds if prepared.limit else None)
    raise _failed(context, spec, why, metadata)


def _run(
    context: dg.OpExecutionContext, spec: CommandSpec, prepared: Prepared, metadata: dict[str, Any]
) -> tuple[Outcome, Tail]:
    """Start the command, wait for its end, and take what it leaves; `metadata` grows on the way."""
    secrets = prepared.environment.secrets
    if prepared.environment.missing:
        names = ", ".join(prepared.environment.missing)
        context.log.warning(f"env: not set in the worker: {names}")
    metadata |= _about(prepared)
    began = time.time() - 0.05  # a file system's clock may be a tick behind
    pipes = CommandPipes(context, prepared.scratch.path, {"params": dict(prepared.params)})
    with pipes.opened(), CommandOutput() as output:

        def tick() -> None:
            pipes.poll()
            output.follow()

        try:
            with _guarded(context, spec, prepared, pipes, output) as command:
                prepared.scratch.guarded = True
                outcome = command.wait(tick, TICK)
                metadata |= {**pipes.finish(), **metadata, **_measured(outcome)}
                _keep(context, spec, prepared, began, metadata, must=outcome.succeeded)
        except NotStartedError as error:
            raise SignalboxError(hide(str(error), secrets)) from None
        return outcome, output.tail(secrets)


def _guarded(
    context: dg.OpExecutionContext,
    spec: CommandSpec,
    prepared: Prepared,
    pipes: CommandPipes,
    output: CommandOutput,
) -> Guarded:
    return Guarded(
        prepared.argv,
        env={**prepared.environment.variables, **pipes.environment},
        cwd=prepared.cwd,
        timeout=None if prepared.limit is None else timedelta(seconds=prepared.limit.left),
        grace=spec.grace,
        stdout=output.stdout,
        stderr=output.stderr,
        scratch=prepared.scratch.path,
        label=f"signalbox-guard:{context.run_id}",
    )


def _keep(
    context: dg.OpExecutionContext,
    spec: CommandSpec,
    prepared: Prepared,
    began: float,
    metadata: dict[str, Any],
    *,
    must: bool,
) -> None:
    """Keep the artifacts and list them. When it `must`, what cannot be kept fails the run."""
    try:
        if spec.artifacts:
            kept = artifacts.keep(spec.artifacts, prepared.cwd, prepared.kept, changed_since=began)
            for refused in kept.refused:
                context.log.warning(f"artifact not kept: {refused}")
        found = artifacts.listed(prepared.kept)
    except OSError as error:
        if must:
            raise SignalboxError(f"artifacts could not be kept: {error}") from None
        context.log.warning(f"artifacts could not be kept: {error}")
        return
    if spec.artifacts and not found:
        context.log.warning(f"no file matches artifacts: {', '.join(spec.artifacts)}")
    if not found:
        with contextlib.suppress(OSError):  # other steps may be writing beside it
            prepared.kept.rmdir()
    else:
        metadata["artifacts"] = dg.MetadataValue.table(
            [dg.TableRecord({"path": item.path, "bytes": item.size}) for item in found[:MOST_LISTED]]
        )
        metadata["artifacts_folder"] = dg.MetadataValue.path(str(prepared.kept))
        metadata["artifacts_count"] = len(found)
        metadata["artifacts_bytes"] = sum(item.size for item in found)


def _about(prepared: Prepared) -> dict[str, Any]:
    about: dict[str, Any] = {"command": hide(shlex.join(prepared.argv), prepared.environment.secrets)}
    if prepared.directive is not None:
        about["directive"] = f"{prepared.directive['name']}@{prepared.directive['digest'][:12]}"
        about["directive_text"] = dg.MetadataValue.md(prepared.directive["text"])
    return about


def _measured(outcome: Outcome) -> dict[str, Any]:
    return {
        "duration_seconds": round(outcome.duration.total_seconds(), 3),
        "peak_memory_bytes": outcome.peak_memory_bytes,
    }


def _printed(tail: Tail) -> dict[str, Any]:
    printed: Iterable[tuple[str, tuple[str, ...]]] = (("stdout", tail.stdout), ("stderr", tail.stderr))
    return {name: dg.MetadataValue.text("\n".join(lines)) for name, lines in printed if lines}


def _failed(
    context: dg.OpExecutionContext, spec: CommandSpec, why: CommandFailure, metadata: dict[str, Any]
) -> dg.Failure:
    """The error that fails the step. Unless it is to be tried again, the run is tagged with the reason."""
    retries = spec.retries
    again = (
        retries is not None
        and context.retry_number + 1 < retries.max_attempts
        and is_retriable(retries, why.failure, why.exit_code)
    )
    if not again:
        where = "" if spec.step is None else f"{spec.step}: "
        if why.exit_code is not None:
            context.instance.add_run_tags(context.run_id, {tags.EXIT_CODE: str(why.exit_code)})
        record_failure(context.instance, context.run_id, why.failure, where + why.summary)
    return dg.Failure(description=why.description, metadata=metadata, allow_retries=again)

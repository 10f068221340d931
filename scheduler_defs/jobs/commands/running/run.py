"""Run a declared command inside a Dagster run: what the op of a command job, and of a step, does."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, run_page
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.failure import record_failure
from scheduler_defs.execution.guard.guard import Guarded
from scheduler_defs.execution.guard.outcome import Outcome
from scheduler_defs.execution.guard.starting import NotStartedError
from scheduler_defs.execution.life.terms import DEFAULT_GRACE
from scheduler_defs.execution.storage.compute_logs import aside
from scheduler_defs.jobs.commands.pipes.asset_reports import AssetReports
from scheduler_defs.jobs.commands.pipes.session import CommandPipes
from scheduler_defs.jobs.commands.retries import is_retriable
from scheduler_defs.jobs.commands.running.failure import CommandFailure, explain
from scheduler_defs.jobs.commands.running.keeping import keep_artifacts
from scheduler_defs.jobs.commands.running.output import CommandOutput, Tail
from scheduler_defs.jobs.commands.running.prepare import Prepared, prepare, scratch_folder
from scheduler_defs.jobs.commands.spec import CommandSpec
from scheduler_defs.redaction.known_values import hide
from scheduler_defs.settings import settings
from scheduler_defs.tags import Failure
from scheduler_defs.text import shortened, storable

TICK = timedelta(seconds=0.5)
"""How often the messages of a running command are read."""

LONGEST_COMMAND = 4000
"""Characters of the command in the metadata of its run."""


def run_command(
    context: dg.OpExecutionContext, spec: CommandSpec, reported: AssetReports | None = None
) -> dict[str, Any]:
    """Run the command to its end; the metadata of its run. `reported` is told what it says of its assets.

    Raises dg.Failure, with the same metadata, when it cannot be started, does not succeed in time, or its
    artifacts cannot be kept. The run then carries the reason as tags. An interrupt passes at once: the guard
    gives the command its grace.
    """
    metadata: dict[str, Any] = {}
    try:
        place = settings()
        with scratch_folder(place) as scratch:
            prepared = prepare(context, spec, place, scratch)
            outcome, tail = _run(context, spec, prepared, metadata, reported)
    except (SignalboxError, OSError) as error:
        said = storable(" ".join(str(error).split()))
        why = CommandFailure(Failure.ERROR, said, said)
    else:
        if outcome.succeeded:
            return metadata
        metadata |= {"exit_code": outcome.exit_code, **_printed(tail)}
        why = explain(outcome, tail, prepared.limit.seconds if prepared.limit else None)
    raise _failed(context, spec, why, metadata)


def _run(
    context: dg.OpExecutionContext,
    spec: CommandSpec,
    prepared: Prepared,
    metadata: dict[str, Any],
    reported: AssetReports | None,
) -> tuple[Outcome, Tail]:
    """Start the command, wait for its end, and take what it leaves; `metadata` grows on the way."""
    secrets = prepared.environment.secrets
    if prepared.environment.missing:
        names = ", ".join(prepared.environment.missing)
        context.log.warning(f"env: not set in the worker: {names}")
    metadata |= {PAGE: dg.MetadataValue.url(run_page(context.run_id)), **_about(prepared)}
    began = time.time() - 0.05  # a file system's clock may be a tick behind
    pipes = CommandPipes(context, prepared.scratch.path, {"params": dict(prepared.params)}, reported)
    # Aside: what is logged here must not come between the command and its last line.
    with pipes.opened(), aside() as captured, CommandOutput(*captured) as output:

        def tick() -> None:
            pipes.poll()
            output.follow()

        if spec.grace > DEFAULT_GRACE:
            from scheduler_defs.execution.leases.current import allow_grace

            allow_grace(spec.grace)
        try:
            with _guarded(context, spec, prepared, pipes, output) as command:
                prepared.scratch.guarded = True
                outcome = command.wait(tick, TICK)
                tail = output.tail(secrets)
                metadata |= {**pipes.finish(), **metadata, **_measured(outcome)}
                metadata |= keep_artifacts(context, spec, prepared, began, outcome)
        except NotStartedError as error:
            raise SignalboxError(hide(str(error), secrets)) from None
        return outcome, tail


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


def _about(prepared: Prepared) -> dict[str, Any]:
    said = hide(shlex.join(prepared.argv), prepared.environment.secrets)
    about: dict[str, Any] = {"command": shortened(storable(said), LONGEST_COMMAND)}
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

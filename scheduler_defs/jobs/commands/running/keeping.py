"""What a command leaves: its artifacts, kept and listed in the metadata of its run."""

from __future__ import annotations

import contextlib
from typing import Any

import dagster as dg

from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.guard.outcome import Outcome
from scheduler_defs.jobs.commands.artifacts.folders import Artifact, listed
from scheduler_defs.jobs.commands.artifacts.keep import keep
from scheduler_defs.jobs.commands.running.prepare import Prepared
from scheduler_defs.jobs.commands.spec import CommandSpec

MOST_LISTED = 1000
"""Artifacts that the run's metadata list one by one. All are kept and counted."""

LEAST_SECONDS = 60.0
"""For keeping the files of a command with a time-out, however late it ended."""


def keep_artifacts(
    context: dg.OpExecutionContext, spec: CommandSpec, prepared: Prepared, began: float, outcome: Outcome
) -> dict[str, Any]:
    """Keep the artifacts; the metadata that list them. What was not kept is told in the run's log.

    Raises SignalboxError when a successful command's files cannot be stored: its run fails.
    """
    try:
        if spec.artifacts:
            kept = keep(
                spec.artifacts,
                prepared.cwd,
                prepared.kept,
                changed_since=began,
                seconds=_seconds(prepared, outcome),
            )
            for refused in kept.refused:
                context.log.warning(f"artifact not kept: {refused}")
        found = listed(prepared.kept)
    except OSError as error:
        if outcome.succeeded:
            raise SignalboxError(f"artifacts could not be kept: {error}") from None
        context.log.warning(f"artifacts could not be kept: {error}")
        return {}
    if spec.artifacts and not found:
        context.log.warning(f"no file matches artifacts: {', '.join(spec.artifacts)}")
    if found:
        return _listed(prepared, found)
    with contextlib.suppress(OSError):  # other steps may be writing beside it
        prepared.kept.rmdir()
    return {}


def _seconds(prepared: Prepared, outcome: Outcome) -> float | None:
    """What is left of the time for the whole: keeping files is a part of it."""
    if prepared.limit is None:
        return None
    return max(LEAST_SECONDS, prepared.limit.left - outcome.duration.total_seconds())


def _listed(prepared: Prepared, found: tuple[Artifact, ...]) -> dict[str, Any]:
    return {
        "artifacts": dg.MetadataValue.table(
            [dg.TableRecord({"path": item.path, "bytes": item.size}) for item in found[:MOST_LISTED]]
        ),
        "artifacts_folder": dg.MetadataValue.path(str(prepared.kept)),
        "artifacts_count": len(found),
        "artifacts_bytes": sum(item.size for item in found),
    }

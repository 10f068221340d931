"""Whether what is declared in other locations exists, asked of the code servers of a running stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import BaseWorkspaceRequestContext, WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from scheduler_defs.execution.elsewhere.finding import find
from scheduler_defs.execution.elsewhere.target import NotThereError, Target


def missing(workspace: Path, targets: Mapping[str, Target]) -> dict[str, str]:
    """Of the targets, by name: what is wrong with those that do not exist, in one line.

    Nothing is said of locations that the workspace's file does not have (yet), or that nobody can reach.
    """
    with (
        dg.DagsterInstance.ephemeral() as instance,
        WorkspaceProcessContext(instance, WorkspaceFileTarget([str(workspace)])) as process,
    ):
        return missing_in(process.create_request_context(), targets)


def missing_in(context: BaseWorkspaceRequestContext, targets: Mapping[str, Target]) -> dict[str, str]:
    """The same of a workspace that is open."""
    found: dict[str, str] = {}
    known = context.get_code_location_entries()
    for name, target in targets.items():
        if target.location not in known:
            continue
        try:
            find(context, target)
        except NotThereError as error:
            found[name] = str(error)
        except DagsterUserCodeUnreachableError:
            continue
    return found

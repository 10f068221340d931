"""Dagster's instance and workspace as the webserver needs them; its private names for that stand here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from dagster_webserver.version import __version__

from scheduler_defs.web.access.permissions import SignalboxProcessContext


@contextmanager
def opened(workspaces: Sequence[Path]) -> Iterator[SignalboxProcessContext]:
    """The instance of DAGSTER_HOME and the workspace of the files, as `dagster-webserver` opens both."""
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(
            DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW
        )
        with SignalboxProcessContext(
            instance,
            version=__version__,
            workspace_load_target=WorkspaceFileTarget([str(path) for path in workspaces]),
        ) as context:
            yield context

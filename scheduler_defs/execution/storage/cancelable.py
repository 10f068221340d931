"""Let GraphQL and the UI cancel runs that wait for their worker (private API, contract-tested).

Dagster refuses to cancel a run in STARTING, because its launchers have no process to kill yet. Ours cancels
it by compare-and-set. Dagster reads the list of states in every process that answers GraphQL or lists runs,
so this is called by what all of them load: the storage.
"""

from __future__ import annotations

from dagster import DagsterRunStatus
from dagster._core.storage import dagster_run


def allow_cancelling_starting_runs() -> None:
    """Add STARTING to `CANCELABLE_RUN_STATUSES`, once per process."""
    if DagsterRunStatus.STARTING not in dagster_run.CANCELABLE_RUN_STATUSES:
        dagster_run.CANCELABLE_RUN_STATUSES.append(DagsterRunStatus.STARTING)

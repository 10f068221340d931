"""Runs: end one, or call off its next attempt; launch it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import FINISHED, cancel, launch_again
from scheduler_defs.settings import POSTGRES_URL, settings


class EndedError(SignalboxError):
    """The run has ended: there is nothing to cancel."""


def end_run(client: GraphQLClient, run: Mapping[str, Any]) -> dict[str, Any]:
    """End a queued, starting or running run, or call off the next attempt of a failed one.

    `{run_id, status}`. Raises EndedError.
    """
    if run["status"] == "FAILURE" and run["retry_at"]:
        _call_off_retry(run["run_id"])
        return {"run_id": run["run_id"], "status": run["status"]}
    if run["status"] in FINISHED:
        raise EndedError(f"run {run['run_id']} has already ended: {run['status']}")
    return cancel(client, run["run_id"])


def retry_run(
    client: GraphQLClient, run: Mapping[str, Any], run_tags: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Launch a run that has ended once more, with the same config: a re-execution, as the UI makes it.

    `{run_id, status}` of the new one, which has the tags beside the run's. A next attempt that waits is not
    launched beside it. Raises as `check_retry`.
    """
    check_retry(run)
    return launch_again(client, run["run_id"], run_tags or {})


def check_retry(run: Mapping[str, Any]) -> None:
    """Raises SignalboxError for a run that still goes, and for one on a task: its queue gives it out anew."""
    if run["status"] not in FINISHED:
        raise SignalboxError(f"run {run['run_id']} has not ended: {run['status']}; cancel it first")
    if run["task"] is not None:
        raise SignalboxError(
            f"run {run['run_id']} is an attempt on task {run['task']}: requeue the task, and its queue "
            "gives it out anew"
        )


def _call_off_retry(run_id: str) -> None:
    from scheduler_defs import database
    from scheduler_defs.audit.entries import Action, Entry
    from scheduler_defs.audit.store import record
    from scheduler_defs.execution.lookups.retries_due import cancel_retry, runs_of

    url = settings().postgres_url
    if url is None:
        raise NotReachableError(f"no database: set {POSTGRES_URL}")
    if not cancel_retry(runs_of(url), run_id):
        raise EndedError(f"run {run_id} has already ended: FAILURE")
    with database.engine().begin() as connection:
        record(connection, Entry(Action.RETRY_CALLED_OFF, f"run:{run_id}", run_id=run_id))

"""Why a run failed, as tags that history, alerts and retries read: `signalbox/failure`, `signalbox/error`."""

from __future__ import annotations

from collections.abc import Mapping

from dagster import DagsterInstance
from dagster._core.events import DagsterEvent, JobFailureData, RunFailureReason
from dagster_shared.error import SerializableErrorInfo

from scheduler_defs import tags
from scheduler_defs.redaction import redact_secrets
from scheduler_defs.tags import Failure
from scheduler_defs.text import storable

_LONGEST_DETAIL = 500
# The process was interrupted, and nobody had cancelled the run.
_STOPPED = (RunFailureReason.UNEXPECTED_TERMINATION, RunFailureReason.RUN_WORKER_RESTART)


def record_failure(
    instance: DagsterInstance, run_id: str, failure: Failure, detail: str, *, exit_code: int | None = None
) -> None:
    """Write down why the run is about to fail. `detail` is one line for people (cut at 500 characters).

    Call it before the run is failed: the first reason stays, whoever sees that the run failed sees why, and
    whether the run is tried again may depend on it (`retry_on`).
    """
    run = instance.get_run_by_id(run_id)
    if run is None or tags.FAILURE in run.tags:
        return
    found = {tags.FAILURE: failure.value, tags.ERROR: one_line(detail)}
    if exit_code is not None:
        found[tags.EXIT_CODE] = str(exit_code)
    instance.add_run_tags(run_id, found)


def failure_tags(existing: Mapping[str, str], event: DagsterEvent) -> dict[str, str]:
    """The tags for a run that fails with `event`, unless it says already why it does."""
    if tags.FAILURE in existing:
        return {}
    data = event.event_specific_data
    if isinstance(data, JobFailureData) and data.failure_reason in _STOPPED:
        return {
            tags.FAILURE: Failure.WORKER_LOST.value,
            tags.ERROR: "worker lost: it was stopped while it executed the run",
        }
    return {tags.FAILURE: Failure.ERROR.value, tags.ERROR: one_line(_summary(event))}


def one_line(text: str) -> str:
    """`text` on one line, short enough for a tag, and without the secrets that a command may have printed."""
    joined = redact_secrets(storable(" ".join(text.split())))
    return joined if len(joined) <= _LONGEST_DETAIL else joined[: _LONGEST_DETAIL - 1] + "…"


def _summary(event: DagsterEvent) -> str:
    """The innermost error that the event knows, else its message."""
    data = event.event_specific_data
    if isinstance(data, JobFailureData):
        step = data.first_step_failure_event
        if step is not None and step.step_failure_data.error is not None:
            return f"{step.step_key}: {_innermost(step.step_failure_data.error)}"
        if data.error is not None:
            return _innermost(data.error)
    return event.message or "failed"


def _innermost(error: SerializableErrorInfo) -> str:
    while error.cause is not None:
        error = error.cause
    return error.message

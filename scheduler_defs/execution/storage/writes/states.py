"""How a run's state may change: along the arrows of `ALLOWED`, and never back from its end. Pure.

Dagster writes whatever state the last event says, so that a worker that was given up for lost, or a launch
that races a cancellation, could bring an ended run back to life.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.events import (
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    DagsterEvent,
    JobFailureData,
    RunFailureReason,
)
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG

from scheduler_defs import tags
from scheduler_defs.execution.failure import failure_tags
from scheduler_defs.retries.backoff import next_attempt_at

_S = DagsterRunStatus
_WAITING = frozenset({_S.NOT_STARTED, _S.MANAGED, _S.QUEUED, _S.STARTING})
_UNDER_WAY = _WAITING | {_S.STARTED, _S.SUSPENDED}
_UNFINISHED = _UNDER_WAY | {_S.CANCELING}
_FINISHED = frozenset({_S.SUCCESS, _S.FAILURE, _S.CANCELED})

ALLOWED: Mapping[DagsterRunStatus, frozenset[DagsterRunStatus]] = {
    # Back from STARTING: whoever launches could not reach the run's code, and will try again.
    _S.QUEUED: frozenset({_S.NOT_STARTED, _S.MANAGED, _S.STARTING}),
    _S.STARTING: frozenset({_S.NOT_STARTED, _S.MANAGED, _S.QUEUED}),
    _S.STARTED: _UNDER_WAY,
    _S.SUSPENDED: frozenset({_S.STARTED}),
    _S.CANCELING: _UNDER_WAY,
    _S.CANCELED: _UNFINISHED,
    _S.FAILURE: _UNFINISHED,
    _S.SUCCESS: _UNFINISHED,
}
"""For each state, the states that it may follow. An ended run stays as it ended."""


@dataclass(frozen=True)
class Move:
    """What events do to a run: its new state, the tags that go in with it, and when it began and ended.

    Times are seconds since the epoch.
    """

    status: DagsterRunStatus
    tags: Mapping[str, str] = field(default_factory=dict)
    start_time: float | None = None
    end_time: float | None = None


def is_state_change(event: DagsterEvent | None) -> bool:
    """Whether Dagster changes the run's state for this event."""
    return event is not None and event.event_type in EVENT_TYPE_TO_PIPELINE_RUN_STATUS


def fold(
    run: DagsterRun,
    status: DagsterRunStatus,
    events: Iterable[tuple[DagsterEvent, float]],
    worker: str | None,
) -> Move | None:
    """What these events (with their times), in this order, make of a run in state `status`.

    `worker` is tagged on a run that starts. None when they change nothing, because none of them is allowed.
    """
    move: Move | None = None
    for event, at in events:
        new = EVENT_TYPE_TO_PIPELINE_RUN_STATUS.get(event.event_type)
        if new is None or status not in ALLOWED[new]:
            continue
        before = move or Move(new)
        added = {**before.tags, **_tags_of(run, new, event, at, worker)}
        started = event.event_type is dg.DagsterEventType.RUN_START
        move = Move(
            status=new,
            tags=added,
            start_time=at if started else before.start_time,
            end_time=at if new in _FINISHED else before.end_time,
        )
        status = new
    return move


def _tags_of(
    run: DagsterRun, status: DagsterRunStatus, event: DagsterEvent, at: float, worker: str | None
) -> dict[str, str]:
    if status is _S.STARTED and worker is not None:
        return {tags.WORKER: worker}
    if status is not _S.FAILURE:
        return {}
    added = failure_tags(run.tags, event)
    data = event.event_specific_data
    if isinstance(data, JobFailureData) and data.failure_reason not in (None, RunFailureReason.UNKNOWN):
        added[RUN_FAILURE_REASON_TAG] = data.failure_reason.value
    failed_at = dt.datetime.fromtimestamp(at, dt.UTC)
    again_at = next_attempt_at({**run.tags, **added}, failed_at, seed=run.run_id)
    if again_at is not None:
        # With the failure itself, so that no retry is forgotten, whatever is killed next.
        added[tags.RETRY_AT] = again_at.isoformat(timespec="milliseconds")
    return added

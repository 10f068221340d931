"""When Dagster's daemon looks at a schedule or sensor again (private Dagster API, contract-tested).

Dagster compares only the cron's text to see that a schedule was edited, so a new time zone, or a rule that
the same cron covers, went unnoticed for an hour. And it remembers, in memory and in the database, up to where
it has looked: when the clock is set back by hours, nothing ticks until the old time is reached again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from dagster._core.remote_representation.external import RemoteSchedule, RemoteSensor
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
)
from dagster._daemon import (
    controller,  # noqa: F401 - first: the scheduler and the daemon import each other
    sensor,
)
from dagster._scheduler import scheduler
from dagster._scheduler.scheduler import ScheduleIterationTimes

from scheduler_defs import tags
from scheduler_defs.execution.dagster_patches.tick_times import is_waiting, looking, rule_of

STEP_SECONDS = 5.0
"""The clock has been set back if something lies so far ahead of it that has happened already."""

UNSEEN_SECONDS = 15.0
"""A schedule that is served may not have been seen by the daemon for so long."""

_should_run = ScheduleIterationTimes.should_run_next_iteration
_launch = scheduler.launch_scheduled_runs_for_schedule_iterator
_under_interval = sensor.is_under_min_interval
_looked_at: dict[str, tuple[str | None, Any]] = {}
"""What was said of each schedule when it was looked at, by its selector."""
_lock = threading.Lock()


def _nobody_asks() -> None:
    """News for nobody."""


_news: Callable[[], None] = _nobody_asks


def install() -> None:
    """Have this process' daemon notice edited zones and a clock that was set back."""
    ScheduleIterationTimes.should_run_next_iteration = should_run_next_iteration
    scheduler.launch_scheduled_runs_for_schedule_iterator = launch
    sensor.is_under_min_interval = is_under_min_interval


def install_news(news: Callable[[], None]) -> None:
    """Have `news` called when a schedule was looked at, and something of it may wait now."""
    global _news
    _news = news


def should_run_next_iteration(
    self: ScheduleIterationTimes, schedule: RemoteSchedule, now_timestamp: float
) -> bool:
    """As Dagster's, and when zone or rule are others, something waits, or the clock was set back."""
    if self.last_iteration_timestamp > now_timestamp + STEP_SECONDS or is_waiting(schedule, now_timestamp):
        return True
    now = _said(schedule)
    with _lock:
        known = _looked_at.get(schedule.selector_id, now)
    return known != now or _should_run(self, schedule, now_timestamp)


def launch(
    workspace_process_context: Any,
    logger: Any,
    remote_schedule: RemoteSchedule,
    schedule_state: InstigatorState,
    end_datetime_utc: Any,
    *arguments: Any,
    in_memory_last_iteration_timestamp: float | None = None,
    **named: Any,
) -> Iterator[Any]:
    """As Dagster's, from a beginning that is not in the future, and not after the schedule was served."""
    with _lock:
        _looked_at[remote_schedule.selector_id] = _said(remote_schedule)
    looking.now = now = end_datetime_utc.timestamp()
    if in_memory_last_iteration_timestamp is not None and _is_ahead(in_memory_last_iteration_timestamp, now):
        in_memory_last_iteration_timestamp = _minute_before(now)
    try:
        yield from _launch(
            workspace_process_context,
            logger,
            remote_schedule,
            beginning(
                schedule_state, now, UNSEEN_SECONDS if tags.DECLARED in remote_schedule.metadata else 0.0
            ),
            end_datetime_utc,
            *arguments,
            in_memory_last_iteration_timestamp=in_memory_last_iteration_timestamp,
            **named,
        )
    finally:
        _news()


def beginning(state: InstigatorState, now: float, unseen_seconds: float = 0.0) -> InstigatorState:
    """The state, with the instants from which Dagster counts moved to where they belong.

    One in the future goes back to the minute before. A schedule that nobody has switched counts from the
    daemon's first look, which is a moment (`unseen_seconds`) after it was served: of one that is declared
    here, what fell due between is for us to decide.
    """
    data = state.instigator_data
    if not isinstance(data, ScheduleInstigatorData):
        return state
    start, last = data.start_timestamp, data.last_iteration_timestamp
    if start is not None and state.status is InstigatorStatus.DECLARED_IN_CODE:
        start -= unseen_seconds
    start, last = (
        _minute_before(now) if each is not None and _is_ahead(each, now) else each for each in (start, last)
    )
    if (start, last) == (data.start_timestamp, data.last_iteration_timestamp):
        return state
    return state.with_data(ScheduleInstigatorData(data.cron_schedule, start, last))


def is_under_min_interval(
    state: InstigatorState, remote_sensor: RemoteSensor, minimum_allowed_min_interval: int | None = None
) -> bool:
    """As Dagster's, but that a tick in the future does not hold a sensor back."""
    elapsed = sensor.get_elapsed(state)
    if elapsed is not None and elapsed < -STEP_SECONDS:
        return False
    return _under_interval(state, remote_sensor, minimum_allowed_min_interval)


def _said(schedule: RemoteSchedule) -> tuple[str | None, Any]:
    """What decides about the schedule's ticks beside its cron."""
    return schedule.execution_timezone, rule_of(schedule)


def _is_ahead(moment: float, now: float) -> bool:
    return moment > now + STEP_SECONDS


def _minute_before(now: float) -> float:
    return now - now % 60 - 60

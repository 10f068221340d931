"""Dagster's sensor daemon, woken when tasks change (private API, contract-tested).

Dagster's loop looks at its sensors every five seconds. This one also does when the tables of the agent queues
announce a change, so a task that was added or has become free is given out within a second. Without
announcements it is Dagster's own loop; with Postgres away it keeps Dagster's pace.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Event
from typing import Any, cast

from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon import controller
from dagster._daemon.daemon import DaemonIterator, SensorDaemon, SpanMarker
from dagster._daemon.sensor import MIN_INTERVAL_LOOP_TIME, execute_sensor_iteration
from dagster._utils.error import serializable_error_info_from_exc_info
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from scheduler_defs.errors import NotReachableError
from scheduler_defs.execution.wakeup import WakingConnection

TASK_CHANNEL = "signalbox_tasks"
"""Tasks, blockers, assignments or agents have changed. The payload is a queue's name."""

SETTLE_SECONDS = 0.05
"""After an announcement: what belongs together is announced one after the other."""

ALERT_SECONDS = 1.2
"""So long after an announcement the looks are close together. A sensor that has ticked within the second
before is passed over by Dagster (their shortest interval is a second), and must not wait for a slow look."""

LEAST_GAP_SECONDS = 0.3
"""Between the starts of two looks, however much is announced."""


OWN_LANE = frozenset({"retries", "alerts", "declarations"})
"""Sensors that wait for no thread: whatever hangs elsewhere, these are looked at."""


class Lanes(Executor):
    """Dagster's pool for ticks, with a thread of its own for each sensor in OWN_LANE.

    Dagster evaluates ticks in a pool of a few threads. Enough sensors that wait for a server, a mount or a
    probe would keep all others waiting.
    """

    def __init__(self, others: Executor) -> None:
        self._others = others
        self._own: dict[str, ThreadPoolExecutor] = {}

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """`fn` is Dagster's `_process_tick`, its third argument the sensor."""
        name = getattr(args[2], "name", "") if len(args) > 2 else ""
        if name not in OWN_LANE:
            return self._others.submit(fn, *args, **kwargs)
        if name not in self._own:
            self._own[name] = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"sensor-{name}")
        return self._own[name].submit(fn, *args, **kwargs)


class SignalboxSensorDaemon(SensorDaemon):
    """Runs as `SENSOR` inside `dagster-daemon run`."""

    @override
    def core_loop(
        self, workspace_process_context: IWorkspaceProcessContext, shutdown_event: Event
    ) -> DaemonIterator:
        waking = WakingConnection(TASK_CHANNEL)
        futures: dict[str, Future[object]] = {}
        alert_until = 0.0
        lanes = None if self._threadpool_executor is None else Lanes(self._threadpool_executor)
        try:
            while not shutdown_event.is_set():
                started = time.monotonic()
                yield SpanMarker.START_SPAN
                try:
                    yield from execute_sensor_iteration(
                        workspace_process_context,
                        self._logger,
                        threadpool_executor=cast("Any", lanes),
                        submit_threadpool_executor=self._submit_threadpool_executor,
                        sensor_tick_futures=futures,
                    )
                except Exception:
                    self._logger.exception("Looking at the sensors went wrong")
                    yield serializable_error_info_from_exc_info(sys.exc_info())
                yield SpanMarker.END_SPAN
                alert = time.monotonic() < alert_until
                until = started + (LEAST_GAP_SECONDS if alert else MIN_INTERVAL_LOOP_TIME)
                if _wait(waking, shutdown_event, until):
                    alert_until = time.monotonic() + ALERT_SECONDS
                    shutdown_event.wait(max(SETTLE_SECONDS, started + LEAST_GAP_SECONDS - time.monotonic()))
                yield None
        finally:
            waking.close()


def _wait(waking: WakingConnection, shutdown_event: Event, until: float) -> bool:
    """Until something is announced (True), it is time, or the daemon is to stop."""
    while not shutdown_event.is_set():
        left = until - time.monotonic()
        if left <= 0:
            return False
        try:
            waking.get()
        except (NotReachableError, DBAPIError):
            shutdown_event.wait(left)
            return False
        # Short, so that a daemon that is asked to stop does so soon.
        if waking.wait(min(left, 0.5)):
            return True
    return False


def install() -> None:
    """Make the daemon process create ours where it would create Dagster's."""
    controller.__dict__["SensorDaemon"] = SignalboxSensorDaemon

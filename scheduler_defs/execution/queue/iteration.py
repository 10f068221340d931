"""The daemon that lets runs out of the queue, in the place of Dagster's own (private API, contract-tested).

Dagster's loop loads every queued run in full at each pass, wakes up at fixed times, knows nothing of the
workers, and lets a pass wait for its slowest launch. This one is woken by what changes, reads ids and states,
asks one pure function, and launches in threads that no pass waits for.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon import controller
from dagster._daemon.daemon import DaemonIterator, SpanMarker
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._utils.error import serializable_error_info_from_exc_info
from typing_extensions import override

from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.queue.admitting import Abandoned
from scheduler_defs.execution.queue.choice.pools import pools_now
from scheduler_defs.execution.queue.choice.read import OutRun, QueueReader, QueueState
from scheduler_defs.execution.queue.choice.select import select
from scheduler_defs.execution.queue.daemons import DaemonBeat
from scheduler_defs.execution.queue.launch import claim, launch, put_back
from scheduler_defs.execution.queue.live_limits import LiveLimits
from scheduler_defs.execution.queue.refusals import end_refused
from scheduler_defs.execution.wakeup import QUEUE_CHANNEL, WakingConnection

UNTAKEN = timedelta(seconds=15)
"""How long a launched run may be without a worker before it goes back to the queue: its message is lost."""

HOLD_AFTER_FAILED_LAUNCH = timedelta(seconds=2)
"""Pause of all launches after one failed, so that an unreachable broker is not asked in a tight loop."""

LOOK_AROUND_SECONDS = 5.0
"""Between two looks for runs that nobody has queued, and between two beats of this daemon."""

LEAST_GAP_SECONDS = 0.02
"""Between the starts of two passes: a burst of announcements is answered together."""

IDLE_SECONDS = 5.0
"""Longest time between two passes while no run waits or is out. A run that is queued announces itself."""


class SignalboxQueueDaemon(QueuedRunCoordinatorDaemon):
    """Runs as `QUEUED_RUN_COORDINATOR` inside `dagster-daemon run`."""

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds=interval_seconds)
        self._waking = WakingConnection(QUEUE_CHANNEL)
        self._reader: QueueReader | None = None
        self._launching: set[str] = set()
        self._lock = threading.Lock()
        self._hold_until = 0.0
        self._look_around_at = 0.0
        self._abandoned = Abandoned()
        self._daemon = DaemonBeat()
        self._idle = False
        self._longest_seconds = 0.0

    @override
    def core_loop(
        self, workspace_process_context: IWorkspaceProcessContext, shutdown_event: Event
    ) -> DaemonIterator:
        try:
            while not shutdown_event.is_set():
                started = time.monotonic()
                yield SpanMarker.START_SPAN
                failed = False
                try:
                    yield from self.run_iteration(workspace_process_context)
                    self._longest_seconds = max(self._longest_seconds, time.monotonic() - started)
                except Exception as error:
                    failed = True
                    self._waking.close()
                    self._logger.error("A pass over the queue failed: %s: %s", type(error).__name__, error)
                    yield serializable_error_info_from_exc_info(sys.exc_info())
                yield SpanMarker.END_SPAN
                if failed:
                    shutdown_event.wait(max(1.0, self.interval_seconds))
                else:
                    self._wait(shutdown_event)
                    rest = LEAST_GAP_SECONDS - (time.monotonic() - started)
                    if rest > 0:
                        time.sleep(rest)
        finally:
            self._daemon.end()
            self._waking.close()

    def _wait(self, shutdown_event: Event) -> None:
        """Until something is announced, or it is time to look anyway."""
        until = time.monotonic() + (IDLE_SECONDS if self._idle else self.interval_seconds)
        # In short pieces, so that a daemon that is asked to stop does so soon.
        while (left := until - time.monotonic()) > 0 and not shutdown_event.is_set():
            if self._waking.wait(min(left, self.interval_seconds)):
                return

    @override
    def run_iteration(
        self,
        workspace_process_context: IWorkspaceProcessContext,
        fixed_iteration_time: float | None = None,
    ) -> DaemonIterator:
        """One pass: read, select, claim, and hand over to the launching threads."""
        instance = workspace_process_context.instance
        coordinator = instance.run_coordinator
        if not (isinstance(coordinator, LiveLimits) and isinstance(coordinator, QueuedRunCoordinator)):
            yield from super().run_iteration(workspace_process_context, fixed_iteration_time)
            return
        reader = self._reader = self._reader or QueueReader(terms().silence)
        connection = self._waking.get()
        limits = coordinator.limits()
        if time.monotonic() >= self._look_around_at:
            self._look_around_at = time.monotonic() + LOOK_AROUND_SECONDS
            self._abandoned.queue(instance, connection)
            end_refused(instance)
            self._daemon.beat(connection, self._longest_seconds)
            self._longest_seconds = 0.0
        state = reader.read(connection, limits)
        self._idle = not state.queued and not state.active
        for untaken in self._untaken(state):
            put_back(instance, untaken.run_id, f"no worker took it within {UNTAKEN.seconds} seconds")
        if not state.queued or time.monotonic() < self._hold_until:
            return
        selection = select(
            state.queued,
            state.active,
            limits,
            state.workers,
            ageing=coordinator.ageing,
            pools=pools_now(instance, state.queued, state.active),
            explain=False,
        )
        if not selection.picks:
            return
        picked = [run.run_id for run in selection.picks]
        runs = claim(instance, connection, picked, state.number)
        reader.launched([run.run_id for run in runs])
        if not runs:
            return  # another daemon was quicker, or they were cancelled: look again
        executor = self._get_executor(coordinator.dequeue_num_workers)
        for run in runs:
            with self._lock:
                self._launching.add(run.run_id)
            executor.submit(self._launch, workspace_process_context, run)
        yield None

    def _launch(self, context: IWorkspaceProcessContext, run: DagsterRun) -> None:
        """One launch, in a thread."""
        try:
            if not launch(context.instance, context.create_request_context(), run):
                self._hold_until = time.monotonic() + HOLD_AFTER_FAILED_LAUNCH.total_seconds()
        except Exception:
            self._logger.exception("Run %s: launching it went wrong", run.run_id)
        finally:
            with self._lock:
                self._launching.discard(run.run_id)

    def _untaken(self, state: QueueState) -> Iterator[OutRun]:
        """Runs whose message was lost (with the broker's data, or the daemon between claim and launch)."""
        with self._lock:
            launching = set(self._launching)
        for run in state.active:
            if (
                run.on_its_way
                and run.worker is None
                and run.run_id not in launching
                and run.unchanged_seconds > UNTAKEN.total_seconds()
            ):
                yield run


def install() -> None:
    """Make the daemon process create ours where it would create Dagster's.

    Called when the coordinator of dagster.yaml is loaded, so that a plain `dagster-daemon run` has it too.
    Runs of another coordinator are left to Dagster's own code.
    """
    controller.__dict__["QueuedRunCoordinatorDaemon"] = SignalboxQueueDaemon

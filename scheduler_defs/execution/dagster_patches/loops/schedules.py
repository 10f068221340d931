"""Dagster's schedule daemon, woken when there is something to look at (private API, contract-tested).

Dagster's loop looks at its schedules once a minute, and a new one counts from the look that finds it: what is
declared at 12:00:10 for 12:01 is first seen at 12:01, and that occurrence is gone. This one also looks
when the code server has loaded changed declarations, so that a schedule counts from then; and when the time
of something that waits has come: the start that its jitter has drawn, or room under its limit.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from threading import Event
from typing import Any

from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon import controller
from dagster._daemon.daemon import DaemonIterator, SchedulerDaemon
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from scheduler_defs import database
from scheduler_defs.errors import NotReachableError
from scheduler_defs.execution.dagster_patches import elsewhere_runs, ordered_runs, schedule_times, tick_times
from scheduler_defs.execution.dagster_patches.loops.waits import Waits
from scheduler_defs.execution.wakeup import QUEUE_CHANNEL, WakingConnection
from scheduler_defs.ledger.lines import waiting

LOOK_SECONDS = 0.5
"""Between two looks at what is loaded and what waits; this costs no statement and no call."""

LEAST_GAP_SECONDS = 1.0
RESTING_SHARE = 9
MOST_REST_SECONDS = 10.0
"""Before what waits is looked at: so many times as long as the last look, which walks over all schedules, but
no longer and no shorter than that."""

ROOM_SECONDS = 10.0
"""Between two readings of what waits for a limit, whatever is heard: a run may give its lease back before it
is written down as ended, and one that ends in the queue never had one."""

SET_BACK_SECONDS = 60.0
"""When the clock is set back by more than this, the daemon begins anew."""

SET_FORWARD_SECONDS = 5.0
"""When the clock is set forward by more than this, or the machine has slept so long, it looks at once."""

Loaded = Callable[[], object]

_log = logging.getLogger("signalbox.daemon")


def end_this_process(seconds: float) -> None:
    """End the daemon in good order, to be started anew.

    Its loops wait for a wall-clock time, most of them in Dagster's code: they would do nothing for hours.
    """
    _log.error("the clock was set back by %.0f s: the daemon begins anew", seconds)
    os.kill(os.getpid(), signal.SIGTERM)


class SignalboxScheduleDaemon(SchedulerDaemon):
    """Runs as `SCHEDULER` inside `dagster-daemon run`."""

    @override
    def core_loop(
        self, workspace_process_context: IWorkspaceProcessContext, shutdown_event: Event
    ) -> DaemonIterator:
        room = Room(WAITS, WakingConnection(QUEUE_CHANNEL))
        woken = Woken(shutdown_event, lambda: loaded(workspace_process_context), WAITS, room)
        try:
            yield from super().core_loop(workspace_process_context, woken)
        finally:
            room.close()


class Room:
    """Hears of runs that end, while something waits for a limit and only then."""

    def __init__(
        self, waits: Waits, waking: WakingConnection, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._waits = waits
        self._waking = waking
        self._clock = clock
        self._listens = False
        self._told_at = float("-inf")

    def __call__(self) -> None:
        """Have what waits read anew when a run may have ended, and each `ROOM_SECONDS`."""
        if not self._waits.for_room:
            self.close()
            return
        try:
            self._waking.get()
            now = self._clock()
            if self._waking.wait(0) or not self._listens or now - self._told_at >= ROOM_SECONDS:
                self._waits.news()
                self._told_at = now
            self._listens = True
        except (NotReachableError, DBAPIError):
            self.close()

    def close(self) -> None:
        """Give the connection up."""
        if self._listens:
            self._waking.close()
            self._listens = False


class Woken(Event):
    """The daemon's `ending` event, of which a wait also ends when there is something to look at.

    That is when what is loaded has changed, the time of something that waits has come, or the clock was set
    forward; `wait` returns False then.
    """

    def __init__(
        self,
        ending: Event,
        loaded: Loaded,
        waits: Waits,
        room: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        set_back: Callable[[float], None] = end_this_process,
    ) -> None:
        super().__init__()
        self._ending = ending
        self._loaded = loaded
        self._waits = waits
        self._room = room
        self._clock = clock
        self._wall = wall
        self._set_back = set_back
        self._difference = wall() - clock()
        self._seen = loaded()
        self._looked_from = clock()

    @override
    def is_set(self) -> bool:
        return self._ending.is_set()

    @override
    def wait(self, timeout: float | None = None) -> bool:
        began = self._clock()
        end = float("inf") if timeout is None else began + timeout
        rest = max(LEAST_GAP_SECONDS, RESTING_SHARE * (began - self._looked_from))
        rested = began + min(rest, MOST_REST_SECONDS)
        try:
            return self._wait(end, rested)
        finally:
            self._looked_from = self._clock()

    def _wait(self, end: float, rested: float) -> bool:
        while True:
            forward = self._look_at_the_clock()
            now = self._loaded()
            if now != self._seen:
                self._waits.loaded()
            if forward or now != self._seen:
                self._seen = now
                return self.is_set()
            self._room()
            if self._clock() >= rested and self._waits.is_due():
                return self.is_set()
            left = end - self._clock()
            if left <= 0:
                return self.is_set()
            if self._ending.wait(min(left, LOOK_SECONDS)):
                return True

    def _look_at_the_clock(self) -> bool:
        """Whether it has been set forward since the last look."""
        was, self._difference = self._difference, self._wall() - self._clock()
        if was - self._difference > SET_BACK_SECONDS:
            self._set_back(was - self._difference)
        return self._difference - was > SET_FORWARD_SECONDS


def loaded(context: IWorkspaceProcessContext) -> dict[str, Any]:
    """When each code location was loaded, as the daemon knows it."""
    entries = context.create_request_context().get_code_location_entries()
    return {name: entry.update_timestamp for name, entry in entries.items()}


WAITS = Waits(lambda: waiting(database.engine()))
"""Of this process, the daemon."""


def install() -> None:
    """Make the daemon process create ours where it would create Dagster's."""
    ordered_runs.install()
    elsewhere_runs.install()
    schedule_times.install()
    schedule_times.install_news(WAITS.news)
    tick_times.install_waiting(WAITS)
    controller.__dict__["SchedulerDaemon"] = SignalboxScheduleDaemon

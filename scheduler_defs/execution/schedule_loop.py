"""Dagster's schedule daemon, woken when a code location was loaded anew (private API, contract-tested).

Dagster's loop looks at its schedules once a minute, and a new one counts from the look that finds it: what is
declared at 12:00:10 for 12:01 is first seen at 12:01, and that occurrence is gone. This one also looks
when the code server has loaded changed declarations, so that a schedule counts from then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import Any

from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon import controller
from dagster._daemon.daemon import DaemonIterator, SchedulerDaemon
from typing_extensions import override

LOOK_SECONDS = 0.5
"""Between two looks at what is loaded; this costs no statement and no call."""

Loaded = Callable[[], object]


class SignalboxScheduleDaemon(SchedulerDaemon):
    """Runs as `SCHEDULER` inside `dagster-daemon run`."""

    @override
    def core_loop(
        self, workspace_process_context: IWorkspaceProcessContext, shutdown_event: Event
    ) -> DaemonIterator:
        woken = WokenByLoading(shutdown_event, lambda: loaded(workspace_process_context))
        yield from super().core_loop(workspace_process_context, woken)


class WokenByLoading(Event):
    """The daemon's `ending` event, of which a wait also ends, with False, when what is loaded has changed."""

    def __init__(self, ending: Event, loaded: Loaded, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._ending = ending
        self._loaded = loaded
        self._clock = clock
        self._seen = loaded()

    @override
    def is_set(self) -> bool:
        return self._ending.is_set()

    @override
    def wait(self, timeout: float | None = None) -> bool:
        end = float("inf") if timeout is None else self._clock() + timeout
        while True:
            if (now := self._loaded()) != self._seen:
                self._seen = now
                return self.is_set()
            left = end - self._clock()
            if left <= 0:
                return self.is_set()
            if self._ending.wait(min(left, LOOK_SECONDS)):
                return True


def loaded(context: IWorkspaceProcessContext) -> dict[str, Any]:
    """When each code location was loaded, as the daemon knows it."""
    entries = context.create_request_context().get_code_location_entries()
    return {name: entry.update_timestamp for name, entry in entries.items()}


def install() -> None:
    """Make the daemon process create ours where it would create Dagster's."""
    controller.__dict__["SchedulerDaemon"] = SignalboxScheduleDaemon

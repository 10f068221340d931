"""The code servers of other locations: one each, replaced by one that has loaded what has changed.

A new one is started beside the one that serves, and takes its place when it has loaded: what is declared as
its socket is a link. One that cannot be loaded never takes the place of one that was; the other goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from scheduler_defs.settings import STATE, UI_URL
from scheduler_defs.stack.components import locations
from scheduler_defs.stack.components.locations import Served
from scheduler_defs.stack.health import checks
from scheduler_defs.stack.machine.record import ComponentRecord, State
from scheduler_defs.stack.supervising.minder import Minder, StackContext
from scheduler_defs.stack.supervising.watch import SOURCES, changes

LOAD_LIMIT_SECONDS = 60.0
"""So long a code server may take to load what has changed while another one serves what was there before."""
STOP_SECONDS = 2.0
_LOOKED_AT_SECONDS = 0.2
_TRIED_AGAIN_SECONDS = 30.0
_log = logging.getLogger(__name__)


class LocationServer:
    """The code server of one location, and those that take its place."""

    def __init__(self, served: Served, stack: StackContext, folder: Path) -> None:
        self.served = served
        self._stack = stack
        self._link = locations.socket_of(folder, served.name)
        self._current: Minder | None = None
        self._minding: set[asyncio.Task[None]] = set()
        self._number = 0
        self._refused = ""

    def record(self) -> ComponentRecord | None:
        """The location as `status` shows it."""
        if self._current is None:
            return None
        found = self._current.record()
        if not self._refused:
            return found
        said = f"serves what was there before: {self._refused}"
        return dataclasses.replace(found, detail=said)

    async def serve(self) -> None:
        """Serve the location until cancelled, and load it anew after each change of its files."""
        await self._begin()
        if self.served.server is not None:
            return
        async for _ in changes(Path(self.served.working_directory), SOURCES):
            await self._begin()

    async def stop(self) -> None:
        """End what serves."""
        if self._current is not None:
            await self._current.stop(STOP_SECONDS)
        for task in self._minding:
            task.cancel()

    async def _begin(self) -> None:
        new, socket = self._minder()
        task = asyncio.create_task(_minded(new))
        self._minding.add(task)
        task.add_done_callback(self._minding.discard)
        before = self._current
        if before is None:
            self._point_to(socket)
            self._current = new
            self._stack.changed()
            return
        if before.state is State.HEALTHY and not await _has_loaded(new):
            self._refused = new.detail or f"what has changed is not loaded after {LOAD_LIMIT_SECONDS:g} s"
            _log.warning("%s: %s", self.served.component, self._refused)
            await new.stop(STOP_SECONDS)
            task.cancel()
        else:
            self._refused = ""
            self._point_to(socket)
            self._current = new
            await before.stop(STOP_SECONDS)
        self._stack.changed()

    def _minder(self) -> tuple[Minder, Path]:
        self._number += 1
        socket = self._link.with_name(f"{self._link.name}.{self._number}")
        component = locations.component(self.served, socket)
        own = None if self.served.server is not None else f"unix:{socket}"

        def ask(name: str, exports: dict[str, str], pid: int | None, started: float | None) -> str:
            return checks.location(own) if own else checks.check(name, exports, pid, started)

        # Who waits for the stack to be ready does not wait for it.
        context = dataclasses.replace(self._stack, ready={component.name: asyncio.Event()}, ask=ask)
        return Minder(component, context), socket

    def _point_to(self, socket: Path) -> None:
        if self.served.server is not None:
            return
        new = self._link.with_name(f"{self._link.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(socket.name)
        new.replace(self._link)


async def _minded(minder: Minder) -> None:
    """Mind it, and say why where its program or folder is not there; that is tried again."""
    while True:
        try:
            await minder.mind()
        except OSError as error:
            minder.unable(f"{error.filename or error}: {error.strerror}")
            await asyncio.sleep(_TRIED_AGAIN_SECONDS)
        else:
            return


async def _has_loaded(minder: Minder) -> bool:
    """Wait until a new code server has loaded its location, or will not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOAD_LIMIT_SECONDS):
            while minder.state not in (State.HEALTHY, State.UNHEALTHY, State.RESTARTING):
                await asyncio.sleep(_LOOKED_AT_SECONDS)
    return minder.state is State.HEALTHY


class LocationServers:
    """All of them, as the declarations want them."""

    def __init__(self, stack: StackContext, *, workspace: Path, own: tuple[Path, str], folder: Path) -> None:
        self._stack = stack
        self._workspace = workspace
        self._own = own
        self._folder = folder
        self._serving: dict[str, tuple[LocationServer, asyncio.Task[None]]] = {}
        self._applied = False

    def records(self) -> list[ComponentRecord]:
        """Each location as a component."""
        found = (server.record() for server, _ in self._serving.values())
        return [record for record in found if record is not None]

    async def apply(self, tasks: asyncio.TaskGroup, wanted: Sequence[Served]) -> None:
        """Serve these and no others; webserver and daemon are told of them by the workspace's file."""
        by_name = {each.name: each for each in wanted}
        known = {name: server.served for name, (server, _) in self._serving.items()}
        if by_name == known and self._applied:
            return
        gone = [name for name, served in known.items() if by_name.get(name) != served]
        for name in gone:
            server, task = self._serving.pop(name)
            task.cancel()
            await server.stop()
        for name, served in by_name.items():
            if name not in self._serving:
                server = LocationServer(served, self._stack, self._folder)
                self._serving[name] = (server, tasks.create_task(server.serve()))
        locations.write_workspace(self._workspace, *self._own, self._folder, wanted)
        if self._applied:
            await asyncio.to_thread(self._tell_the_webserver)
        self._applied = True
        self._stack.changed()

    async def stop(self) -> None:
        """End all of them."""
        for _, task in self._serving.values():
            task.cancel()
        await asyncio.gather(*(server.stop() for server, _ in self._serving.values()))

    def _tell_the_webserver(self) -> None:
        """It reads the file anew when it is asked to; the daemon does so every minute."""
        exports = self._stack.exports
        try:
            checks.graphql(
                exports[UI_URL], "mutation { reloadWorkspace { __typename } }", state=Path(exports[STATE])
            )
        except Exception as error:
            _log.warning("the webserver does not know of changed locations yet: %s", checks.reason(error))

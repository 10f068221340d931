"""The supervisor's side: asking the parent for a process, and minding what it got."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Protocol

from scheduler_defs.errors import NotReachableError
from scheduler_defs.stack.forking.messages import GO, READY, SETTLED, Order, send
from scheduler_defs.stack.machine.spawning import adopt_orphans

_ANSWERED_SECONDS = 10.0
_LOOKED_AT_SECONDS = 0.05
_PID_BYTES = 16


class Process(Protocol):
    """What a minder needs of a process: asyncio's have it, too."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended: negative for a signal; None while it lives."""
        ...

    async def wait(self) -> int:
        """Its return code, when it has ended."""
        ...

    def send_signal(self, signal: int) -> None:
        """Nothing when it has ended."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...


class Forked:
    """A child of this process that it has not started itself. Make it on the event loop."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_reader(self._end, self._bury)

    async def wait(self) -> int:
        """Its return code, when it has ended."""
        return await asyncio.shield(self._ended)

    def send_signal(self, signal: int) -> None:
        """Nothing when it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(SIGKILL)

    def _bury(self) -> None:
        self._loop.remove_reader(self._end)
        try:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            self.returncode = 255  # as asyncio says it of a child that somebody else has waited for
        os.close(self._end)
        if not self._ended.done():
            self._ended.set_result(self.returncode)


class Forks:
    """Asks the parent at `socket`. `coming`: whether there will be one, where there is none now."""

    def __init__(self, path: Path, coming: Callable[[], bool]) -> None:
        self._path = path
        self._coming = coming
        self._one_at_a_time = asyncio.Lock()

    async def start(self, order: Order, log: int) -> Forked | None:
        """A process that carries out the order; None when the parent gives none."""
        async with self._one_at_a_time:
            connection = await self._connected()
            if connection is None:
                return None
            with connection:
                with _adopting():
                    pid = await asyncio.to_thread(_ask, connection, order, log)
                if pid is None:
                    return None
                forked = Forked(pid)
                if await asyncio.to_thread(_settled, connection):
                    return forked
                forked.kill()
                await forked.wait()
                return None

    async def _connected(self) -> socket.socket | None:
        while True:
            with contextlib.suppress(OSError):
                return connect(self._path)
            if not self._coming():
                return None
            await asyncio.sleep(_LOOKED_AT_SECONDS)


_askers = 0


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Who loses its parent meanwhile is this process' child: the one that was asked for. On the event loop.

    Of two that ask two parents at once, the first to have its answer leaves it as it is.
    """
    global _askers
    _askers += 1
    adopt_orphans(True)
    try:
        yield
    finally:
        _askers -= 1
        if not _askers:
            adopt_orphans(False)


def is_possible() -> bool:
    """Whether this system has, and allows, what forking for somebody else takes."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
        adopt_orphans(False)
    except OSError:
        return False
    return Path("/proc/self/stat").exists()


def connect(path: Path) -> socket.socket:
    """A connection to the parent. Raises OSError when there is none."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_ANSWERED_SECONDS)
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def ping(path: Path) -> None:
    """Raises NotReachableError when the parent does not answer."""
    try:
        with connect(path) as connection:
            send(connection, None)
            if connection.recv(len(READY)) == READY:
                return
    except OSError as error:
        raise NotReachableError(f"no answer: {error.strerror or error}") from error
    raise NotReachableError("no answer")


def _ask(connection: socket.socket, order: Order, log: int) -> int | None:
    try:
        send(connection, order, log)
        return int(connection.recv(_PID_BYTES))
    except (OSError, ValueError):
        return None


def _settled(connection: socket.socket) -> bool:
    try:
        connection.sendall(GO)
        return connection.recv(len(SETTLED)) == SETTLED
    except OSError:
        return False

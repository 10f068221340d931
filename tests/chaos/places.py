"""Where a yard may live, for faults of its disk and of its network: a small file system, a far database."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduler_defs.stack.components import postgres
from scheduler_defs.stack.machine.spawning import in_child
from tests.chaos.faults import fill
from tests.integration.running_stack import until

STATE_MEBIBYTES = 1024


@contextmanager
def small_file_system(folder: Path, mebibytes: int = STATE_MEBIBYTES) -> Iterator[None]:
    """A file system of this size in the place of a folder. Only root can make one."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={mebibytes}m,mode=0711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "chaos", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def can_mount() -> bool:
    """Whether this process may mount a file system."""
    return os.geteuid() == 0


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """The file system of `folder` has not a byte left."""
    path = folder / "filler"
    try:
        fill(path)
        yield
    finally:
        path.unlink()


class Cable:
    """Passes bytes between clients and one server, and can be cut: then nothing is passed, and nothing ends."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._passes: asyncio.Event | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started.set,), name="cable", daemon=True)
        self._thread.start()
        started.wait(10)

    def cut(self) -> None:
        """From now on neither bytes nor new connections get through."""
        self._soon(lambda passes: passes.clear())

    def mend(self, *, reset: bool) -> None:
        """As before. `reset`: who is in between has forgotten all connections, and says so."""

        def mended(passes: asyncio.Event) -> None:
            if reset:
                for writer in self._writers:
                    writer.transport.abort()
            passes.set()

        self._soon(mended)

    def close(self) -> None:
        """Ends all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _soon(self, act: Callable[[asyncio.Event], None]) -> None:
        done = threading.Event()

        def acted() -> None:
            assert self._passes is not None
            act(self._passes)
            done.set()

        self._loop.call_soon_threadsafe(acted)
        assert done.wait(10)

    def _run(self, started: Callable[[], None]) -> None:
        async def serve() -> None:
            self._passes = asyncio.Event()
            self._passes.set()
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            started()

        self._loop.run_until_complete(serve())
        self._loop.run_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._passes is not None
        self._writers.add(writer)
        try:
            await self._passes.wait()
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.to)
            self._writers.add(ours)
            try:
                await asyncio.gather(self._pass(reader, ours), self._pass(theirs, writer))
            finally:
                self._writers.discard(ours)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._passes is not None
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def far_database(folder: Path) -> Iterator[tuple[str, Cable]]:
    """A Postgres that somebody else runs, and the cable to it: the URL that leads through the cable."""
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (folder, *folder.parents):
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    server = postgres.prepare(folder, folder / "socket")
    port = _free_port()
    tcp = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*server.argv, *tcp], stdout=log, stderr=log, preexec_fn=in_child(server.account)
        )
    cable = Cable(port)
    try:
        until(lambda: _listens(port), "the far database", 60)
        yield f"postgresql+psycopg2://{postgres.USER}@127.0.0.1:{cable.port}/{postgres.DATABASE}", cable
    finally:
        cable.close()
        # Immediate shutdown: it waits for no client.
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

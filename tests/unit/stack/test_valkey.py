"""The embedded broker, for real."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from scheduler_defs.stack.components import valkey
from scheduler_defs.stack.components.valkey import EmbeddedValkey
from scheduler_defs.stack.machine import folders


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sb vk "))
    yield folder
    shutil.rmtree(folders.socket_folder(folder), ignore_errors=True)
    shutil.rmtree(folder)


def prepare(state: Path) -> EmbeddedValkey:
    sockets = folders.socket_folder(state)
    folders.create_private(sockets)
    return valkey.prepare(state, sockets)


@contextmanager
def running(server: EmbeddedValkey) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(server.argv, cwd=server.data, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                valkey.ping(server.socket)
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None
        yield process
    finally:
        process.terminate()
        process.wait(5)


def send(server: EmbeddedValkey, queue: str, body: str) -> None:
    from kombu.connection import Connection

    with Connection(server.url) as connection:
        connection.SimpleQueue(queue).put(body)


def receive(server: EmbeddedValkey, queue: str) -> object:
    from kombu.connection import Connection

    with Connection(server.url) as connection:
        return connection.SimpleQueue(queue).get(timeout=5).payload


def test_given_a_path_with_a_space_when_it_runs_then_celerys_transport_talks_to_it_and_no_port_is_open(
    state: Path,
) -> None:
    server = prepare(state)
    with running(server) as process:
        send(server, "runs", "hello")
        assert receive(server, "runs") == "hello"
        assert psutil.Process(process.pid).net_connections("inet") == []
        assert server.socket.stat().st_mode & 0o077 == 0


def test_given_a_message_when_the_broker_is_killed_and_started_again_then_the_message_is_there(
    state: Path,
) -> None:
    server = prepare(state)
    with running(server) as process:
        send(server, "runs", "kept")
        deadline = time.monotonic() + 10
        append_only = server.data / "appendonlydir"
        while not any(
            b"kept" in path.read_bytes() or path.stat().st_size > 200
            for path in append_only.glob("*.incr.aof")
        ):
            assert time.monotonic() < deadline
        process.kill()
        process.wait()
    with running(prepare(state)):
        assert receive(server, "runs") == "kept"


def test_given_nobody_on_the_socket_then_a_ping_fails(state: Path) -> None:
    with pytest.raises(OSError, match=r"No such file|refused"):
        valkey.ping(prepare(state).socket)

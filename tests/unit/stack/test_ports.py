"""Ports: the one asked for or an error; otherwise a free one, the same as last time if possible."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine.ports import Ports, is_free

HOST = "127.0.0.1"


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def ports() -> Iterator[Ports]:
    found = Ports(HOST)
    yield found
    found.close()


def test_given_a_busy_port_when_it_is_asked_for_then_that_is_an_error(ports: Ports, busy_port: int) -> None:
    with pytest.raises(SignalboxError, match=f"--port {busy_port}: busy on {HOST}"):
        ports.exactly(busy_port)


def test_given_a_busy_port_when_any_will_do_then_a_later_one_is_taken(ports: Ports, busy_port: int) -> None:
    found = ports.from_(busy_port)
    assert found > busy_port
    assert is_free(HOST, found)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract sockets are Linux's")
def test_given_a_stack_that_has_chosen_a_port_and_does_not_listen_yet_then_another_takes_the_next(
    ports: Ports, busy_port: int
) -> None:
    chosen = ports.from_(busy_port)
    other = (
        "import sys; from scheduler_defs.stack.machine.ports import Ports; "
        f"ports = Ports('{HOST}'); print(ports.from_({chosen}), flush=True)"
    )
    taken = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True)
    assert int(taken.stdout) > chosen
    ports.close()
    taken = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True)
    assert int(taken.stdout) == chosen

"""Ports: the one asked for or an error; otherwise a free one, the same as last time if possible."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack import ports

HOST = "127.0.0.1"


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_given_a_busy_port_when_it_is_asked_for_then_that_is_an_error(busy_port: int) -> None:
    with pytest.raises(SignalboxError, match=f"--port {busy_port}: busy on {HOST}"):
        ports.ui_port(HOST, busy_port)


def test_given_a_busy_port_when_any_will_do_then_a_later_one_is_taken(busy_port: int) -> None:
    found = ports.next_free(HOST, busy_port)
    assert found > busy_port
    assert ports.is_free(HOST, found)


def test_when_a_free_port_is_asked_for_then_it_is_that_one(busy_port: int) -> None:
    free = ports.next_free(HOST, busy_port)
    assert ports.ui_port(HOST, free) == free


def test_given_one_state_folder_then_its_port_stays_and_another_folder_gets_another() -> None:
    first = ports.port_for(HOST, Path("/srv/a"), "code-server")
    assert ports.port_for(HOST, Path("/srv/a"), "code-server") == first
    assert ports.port_for(HOST, Path("/srv/b"), "code-server") != first
    assert first < 32768  # below the range of client ports

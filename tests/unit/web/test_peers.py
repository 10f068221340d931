"""The kernel knows who opened a connection on this machine."""

from __future__ import annotations

import getpass
import socket

import pytest

from scheduler_defs.web.access.identity import is_within
from scheduler_defs.web.access.peers import user_of


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_user_at_the_other_end_is_found(family: int, address: str) -> None:
    try:
        server = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    with server, socket.create_connection(server.getsockname()[:2]) as client:
        assert user_of(client.getsockname()[:2], server.getsockname()[:2]) == getpass.getuser()
        assert user_of((address, 1), server.getsockname()[:2]) is None


def test_an_address_in_other_clothes_is_itself() -> None:
    assert is_within("::ffff:127.0.0.1", ("127.0.0.0/8",))
    assert not is_within("192.0.2.1", ("127.0.0.0/8",))
    assert not is_within("testclient", ("127.0.0.0/8",))

"""Free TCP ports, stable from one start to the next where possible."""

from __future__ import annotations

import socket
import zlib
from pathlib import Path

from scheduler_defs.errors import SignalboxError

UI_PORT = 3000
# Below the range from which Linux and macOS hand out client ports, so that an outgoing connection of some
# other program does not sit on a component's port just when that component is restarted.
_FIRST, _COUNT = 20000, 10000
_TRIES = 200


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def ui_port(host: str, asked: int | None) -> int:
    """The port of the UI: exactly the one asked for, else 3000 or the next free one.

    Raises SignalboxError when the port asked for is busy.
    """
    if asked is not None:
        if not is_free(host, asked):
            raise SignalboxError(f"--port {asked}: busy on {host}; choose another, or leave --port out")
        return asked
    return next_free(host, UI_PORT)


def port_for(host: str, state: Path, purpose: str) -> int:
    """A port that this state folder gets again at its next start, unless somebody else has taken it."""
    offset = zlib.crc32(f"{state}\0{purpose}".encode()) % (_COUNT - _TRIES)
    return next_free(host, _FIRST + offset)


def next_free(host: str, first: int) -> int:
    """The first free port at or after `first`."""
    for port in range(first, first + _TRIES):
        if is_free(host, port):
            return port
    raise SignalboxError(f"no free port on {host} between {first} and {first + _TRIES - 1}")

"""Free TCP ports."""

from __future__ import annotations

import socket
import sys

from scheduler_defs.errors import SignalboxError

UI_PORT = 3000
_TRIES = 200
_ANSWERS_WITHIN_SECONDS = 3.0


class Ports:
    """Ports of this host that a stack has chosen, and keeps while its components start and are restarted.

    Between choosing a port and listening on it lie seconds, and another stack may start in them. So each
    choice is marked with an abstract socket: it lives in the same network namespace as the port, and is
    gone with this process. Only Linux has them; elsewhere nothing is marked.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self._marks: list[socket.socket] = []

    def close(self) -> None:
        """Give all of them up."""
        while self._marks:
            self._marks.pop().close()

    def exactly(self, port: int) -> int:
        """The port that was asked for. Raises SignalboxError when it is busy."""
        if not self._take(port):
            raise SignalboxError(f"--port {port}: busy on {self.host}; choose another, or leave --port out")
        return port

    def from_(self, first: int) -> int:
        """The first free port at or after `first`."""
        for port in range(first, first + _TRIES):
            if self._take(port):
                return port
        raise SignalboxError(f"no free port on {self.host} between {first} and {first + _TRIES - 1}")

    def any(self) -> int:
        """Any port that is free, as the system gives it out."""
        for _ in range(_TRIES):
            with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET) as probe:
                probe.bind((self.host, 0))
                port = int(probe.getsockname()[1])
            if self._take(port):
                return port
        raise SignalboxError(f"no free port on {self.host}")

    def _take(self, port: int) -> bool:
        if not is_free(self.host, port):
            return False
        if not sys.platform.startswith("linux"):
            return True
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0signalbox/port/{port}")
        except OSError:
            mark.close()
            return False
        self._marks.append(mark)
        return True


def check_address(what: str, host: str, *, connects: bool = False) -> None:
    """Whether this machine can listen on the address at all, whatever the port; and be reached on it.

    Raises SignalboxError that begins with `what`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as server:
            server.bind((host, 0))
            if connects:
                server.listen(1)
                socket.create_connection(server.getsockname()[:2], timeout=_ANSWERS_WITHIN_SECONDS).close()
    except TimeoutError:
        raise SignalboxError(
            f"{what}: nothing comes through; is the interface up (ip link set lo up)?"
        ) from None
    except OSError as error:
        raise SignalboxError(f"{what}: {error.strerror or error}") from None


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

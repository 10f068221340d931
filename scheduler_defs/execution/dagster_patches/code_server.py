"""Talking to the code server over connections that stay open (private Dagster API, contract-tested).

Dagster's client makes a connection for every call, and there are calls every second and for every tick. Run
as a program it is Dagster's code server, which passes all calls on to the process behind it:

    python -m scheduler_defs.execution.dagster_patches.code_server code-server start ...
"""

from __future__ import annotations

import functools
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
from dagster._grpc import server
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.utils import max_rx_bytes, max_send_bytes

_CHANNEL = "_signalbox_channel"
_PATH_OF_SOCKET = "safe_tempfile_path_unmanaged"
_OPTIONS = (
    # A server that comes back is found at once, and not when a long pause is over.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Nobody else's failed attempts count.
    ("grpc.use_local_subchannel_pool", 1),
)

_LOOK_SECONDS = 0.5
_LOOKS = 2

_channel_of_its_own = DagsterGrpcClient._channel


def install() -> None:
    """Have each of this process' clients keep its channel."""
    DagsterGrpcClient._channel = kept_channel


@contextmanager
def kept_channel(self: DagsterGrpcClient) -> Iterator[grpc.Channel]:
    """The client's channel. After an error the next call has a new one, as with Dagster's own."""
    if self.use_ssl:
        with _channel_of_its_own(self) as channel:
            yield channel
        return
    kept = vars(self)
    channel: grpc.Channel | None = kept.get(_CHANNEL)
    if channel is None:
        channel = grpc.insecure_channel(
            self._server_address,
            options=(
                ("grpc.max_receive_message_length", max_rx_bytes()),
                ("grpc.max_send_message_length", max_send_bytes()),
                *_OPTIONS,
            ),
            compression=grpc.Compression.Gzip,
        )
        # Of two threads that come first together, one has a channel that is closed when it has done.
        kept.setdefault(_CHANNEL, channel)
    try:
        yield channel
    except Exception:
        if kept.get(_CHANNEL) is channel:
            kept.pop(_CHANNEL, None)
        raise


def listen_privately(folder: Path) -> None:
    """Have the servers that this process starts listen in `folder`, on sockets that only its user may open.

    Dagster makes them as the umask says, and that of the process behind this one in everybody's /tmp.
    """
    start = server.DagsterGrpcServer.__init__

    @functools.wraps(start)
    def started(self: server.DagsterGrpcServer, *arguments: Any, **others: Any) -> None:
        start(self, *arguments, **others)
        if socket := others.get("socket"):
            Path(socket).chmod(0o600)

    server.DagsterGrpcServer.__init__ = started
    setattr(server, _PATH_OF_SOCKET, lambda: str(folder / secrets.token_hex(6)))


def end_with_what_serves(
    child_ended: Callable[[], bool],
    serving: Callable[[], bool],
    end: Callable[[int], object] = os._exit,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """End this process when the one behind it has ended, which Dagster does not start again.

    It ends when memory is short, and after a freeze of 30 s. Whoever started this process starts both of them
    anew. `child_ended` returns True when a child has ended, False while there is none; after a reload
    another one serves, or will in a moment.
    """
    while True:
        ended = child_ended()
        for _ in range(_LOOKS):
            pause(_LOOK_SECONDS)
            if not ended or serving():
                break
        else:
            sys.stderr.write("the process that serves the code has ended: so does this one\n")
            end(1)
            return


def _child_ended() -> bool:
    try:
        # Whoever started it is told as well.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _is_serving() -> bool:
    return any(child.status() != psutil.STATUS_ZOMBIE for child in psutil.Process().children())


if __name__ == "__main__":
    from dagster._cli import main

    install()
    if "--socket" in sys.argv:
        listen_privately(Path(sys.argv[sys.argv.index("--socket") + 1]).parent)
        threading.Thread(target=end_with_what_serves, args=(_child_ended, _is_serving), daemon=True).start()
    main()

"""Talking to the code server over connections that stay open (private Dagster API, contract-tested).

Dagster's client makes a connection for every call, and there are calls every second and for every tick. Run
as a program it is Dagster's code server, which passes all calls on to the process behind it:

    python -m scheduler_defs.execution.code_server code-server start ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.utils import max_rx_bytes, max_send_bytes

_CHANNEL = "_signalbox_channel"
_OPTIONS = (
    # A server that comes back is found at once, and not when a long pause is over.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Nobody else's failed attempts count.
    ("grpc.use_local_subchannel_pool", 1),
)

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


if __name__ == "__main__":
    from dagster._cli import main

    install()
    main()

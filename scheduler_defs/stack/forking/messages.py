"""What the supervisor and the parent say to each other: a length, a document, and the file to write to."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass

READY = b"ready\n"
GO = b"go"
SETTLED = b"settled\n"
_LENGTH_BYTES = 4


@dataclass(frozen=True)
class Order:
    """A process to be forked. `words`: the module and its arguments. `supervisor`: the pid of who asks.

    `imports_here`: what lies in `folder` is imported before what is installed, as without Python's `-P`.
    """

    words: tuple[str, ...]
    variables: dict[str, str]
    folder: str
    death_signal: int
    component: str
    supervisor: int
    imports_here: bool = False


def send(connection: socket.socket, order: Order | None, log: int | None = None) -> None:
    """Send an order with the descriptor of its log, or (None) the question whether somebody is there."""
    document = json.dumps(None if order is None else asdict(order)).encode()
    descriptors = [] if log is None else [log]
    socket.send_fds(connection, [len(document).to_bytes(_LENGTH_BYTES, "big")], descriptors)
    connection.sendall(document)


def receive(connection: socket.socket) -> tuple[Order, int] | None:
    """The order and its log's descriptor; None: a question. Raises OSError or ValueError otherwise."""
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, 1)
    length = int.from_bytes(head, "big")
    text = b""
    while len(text) < length:
        part = connection.recv(length - len(text))
        if not part:
            raise ValueError("cut off")
        text += part
    document = json.loads(text)
    if document is None:
        return None
    (log,) = descriptors
    return Order(**{**document, "words": tuple(document["words"])}), log

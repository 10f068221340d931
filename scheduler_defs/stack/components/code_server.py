"""Asking the code server: does it answer, has it loaded the declarations, and would it please reload.

Speaks two calls of Dagster's `dagster_api.proto` over plain gRPC, because importing Dagster's own client
costs most of a second and 60 MB, and the supervisor is always there. Neither call needs an argument.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.stack.machine.folders import create_private

_FORK_SUPPORT = "GRPC_ENABLE_FORK_SUPPORT"
_SERVICE = "/api.DagsterApi/"


def loaded_repositories(socket: str, timeout_seconds: float = 5.0) -> int:
    """How many repositories the server that listens on `socket` has loaded (a path, or gRPC's address).

    Raises NotReachableError when it does not answer, SignalboxError when its code could not be loaded.
    """
    document = json.loads(_text(_call(socket, "ListRepositories", timeout_seconds)))
    if document.get("__class__") == "SerializableErrorInfo":
        raise SignalboxError(f"definitions not loaded: {_root_message(document)}")
    return len(document.get("repository_symbols", ()))


def reload(socket: str, timeout_seconds: float = 120.0) -> None:
    """Load the code and the declarations anew, beside the old ones, and switch over when that is done.

    The webserver and the daemon notice the new server id within a second or two.
    """
    _call(socket, "ReloadCode", timeout_seconds)


def prepare(folder: Path) -> Path:
    """Make the folder of the sockets, for this user alone and empty; the path that the server listens on.

    Whoever may speak to the server may end it, and have it load code.
    """
    create_private(folder)
    for left in folder.iterdir():
        left.unlink()
    return folder / "grpc"


def _call(socket: str, method: str, timeout_seconds: float) -> bytes:
    grpc = _grpc()
    with grpc.insecure_channel(f"unix:{socket}" if socket.startswith("/") else socket) as channel:
        try:
            return cast(bytes, channel.unary_unary(_SERVICE + method)(b"", timeout=timeout_seconds))
        except grpc.RpcError as error:
            details = error.details() if isinstance(error, grpc.Call) else error
            raise NotReachableError(f"no answer: {details}") from error


def _grpc() -> ModuleType:
    """gRPC without its handlers around fork, which it installs, or not, when it is imported.

    They are for children that go on to use gRPC; ours become another program at once. In the supervisor,
    which asks in one thread and starts processes in another, they aborted some of them ("Check failure"),
    and fork can wait for ever (grpc/grpc#17986; its doc/fork_support.md advises this for fork with exec).
    """
    before = os.environ.get(_FORK_SUPPORT)
    os.environ[_FORK_SUPPORT] = "0"
    try:
        import grpc
    finally:
        # Components decide for themselves.
        if before is None:
            del os.environ[_FORK_SUPPORT]
        else:
            os.environ[_FORK_SUPPORT] = before
    return grpc


def _root_message(error: dict[str, Any]) -> str:
    """The message at the root of a chain of errors, in one line."""
    while error.get("cause"):
        error = error["cause"]
    lines = [line.strip() for line in str(error.get("message", "")).splitlines() if line.strip()]
    return " ".join(lines[:2]) or "unknown error"


def _text(message: bytes) -> str:
    """The first field of a protobuf message that has one string field: key, length (a varint), text."""
    length, shift, position = 0, 0, 1
    while True:
        byte = message[position]
        length |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return message[position : position + length].decode()

"""Asking the code server: does it answer, has it loaded the declarations, and would it please reload.

Speaks two calls of Dagster's `dagster_api.proto` over plain gRPC, because importing Dagster's own client
costs most of a second and 60 MB, and the supervisor is always there. Neither call needs an argument.
"""

from __future__ import annotations

import json
from typing import cast

from scheduler_defs.errors import NotReachableError

_SERVICE = "/api.DagsterApi/"


def loaded_repositories(host: str, port: int, timeout_seconds: float = 5.0) -> int:
    """How many repositories the server has loaded.

    Raises NotReachableError when it does not answer, or answers with the error of its code.
    """
    reply = _text(_call(host, port, "ListRepositories", timeout_seconds))
    document = json.loads(reply)
    if document.get("__class__") == "SerializableErrorInfo":
        message = str(document.get("message", "")).strip().splitlines()
        cause = document.get("cause") or {}
        reason = str(cause.get("message", "")).strip().splitlines()
        raise NotReachableError(f"definitions not loaded: {(reason or message or ['unknown error'])[0]}")
    return len(document.get("repository_symbols", ()))


def reload(host: str, port: int, timeout_seconds: float = 120.0) -> None:
    """Load the code and the declarations anew, beside the old ones, and switch over when that is done.

    The webserver and the daemon notice the new server id within a second or two.
    """
    _call(host, port, "ReloadCode", timeout_seconds)


def _call(host: str, port: int, method: str, timeout_seconds: float) -> bytes:
    import grpc

    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            return cast(bytes, channel.unary_unary(_SERVICE + method)(b"", timeout=timeout_seconds))
        except grpc.RpcError as error:
            details = error.details() if isinstance(error, grpc.Call) else error
            raise NotReachableError(f"no answer: {details}") from error


def _text(message: bytes) -> str:
    """The first field of a protobuf message that has one string field: key, length (a varint), text."""
    length, shift, position = 0, 0, 1
    while True:
        byte = message[position]
        length |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return message[position : position + length].decode()

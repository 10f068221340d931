"""Connections to the code server stay open, and a server that was away is found again at once."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.__generated__ import dagster_api_pb2 as messages
from dagster._grpc.client import DagsterGrpcClient

from scheduler_defs.execution.dagster_patches import code_server
from scheduler_defs.stack.components import plan


class Server:
    """Says who has called, by the address of the caller's connection."""

    def __init__(self) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator[None]:
        handlers = {
            "Ping": grpc.unary_unary_rpc_method_handler(
                lambda _request, context: messages.PingReply(echo=context.peer()),
                request_deserializer=messages.PingRequest.FromString,
                response_serializer=messages.PingReply.SerializeToString,
            ),
            "StreamingPing": grpc.unary_stream_rpc_method_handler(
                lambda request, context: (
                    messages.StreamingPingEvent(sequence_number=number, echo=context.peer())
                    for number in range(request.sequence_length)
                ),
                request_deserializer=messages.StreamingPingRequest.FromString,
                response_serializer=messages.StreamingPingEvent.SerializeToString,
            ),
        }
        with ThreadPoolExecutor(4) as pool:
            server = grpc.server(pool)
            server.add_generic_rpc_handlers(
                [grpc.method_handlers_generic_handler("api.DagsterApi", handlers)]
            )
            assert server.add_insecure_port(f"127.0.0.1:{self.port}")
            server.start()
            try:
                yield
            finally:
                server.stop(None).wait()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(DagsterGrpcClient, "_channel", code_server.kept_channel)
    return Server()


def caller(client: DagsterGrpcClient) -> Any:
    return client.ping("")["echo"]


def test_all_calls_of_a_client_share_a_connection(server: Server) -> None:
    client = DagsterGrpcClient(port=server.port, host="127.0.0.1")
    with server.running(), ThreadPoolExecutor(4) as pool:
        first = caller(client)
        assert set(pool.map(lambda _: caller(client), range(20))) == {first}
        assert [event["echo"] for event in client.streaming_ping(3, "")] == [first] * 3


def test_a_stream_that_is_left_early_costs_no_connection(server: Server) -> None:
    client = DagsterGrpcClient(port=server.port, host="127.0.0.1")
    with server.running():
        first = caller(client)
        stream = client.streaming_ping(1000, "")
        next(iter(stream))
        del stream
        assert caller(client) == first


def test_clients_do_not_share(server: Server) -> None:
    with server.running():
        clients = [DagsterGrpcClient(port=server.port, host="127.0.0.1") for _ in range(2)]
        assert caller(clients[0]) != caller(clients[1])


def test_a_server_that_was_started_anew_is_found_by_the_next_call(server: Server) -> None:
    client = DagsterGrpcClient(port=server.port, host="127.0.0.1")
    with server.running():
        caller(client)
    with server.running():
        caller(client)


def test_a_server_that_was_away_is_found_by_the_next_call(server: Server) -> None:
    client = DagsterGrpcClient(port=server.port, host="127.0.0.1")
    with server.running():
        caller(client)
    for _ in range(3):
        with pytest.raises(DagsterUserCodeUnreachableError, match="UNAVAILABLE"):
            caller(client)
    with server.running():
        caller(client)


def test_dagster_calls_as_expected() -> None:
    """Every blocking call of Dagster's client, the code server's included, takes its channel here."""
    assert list(inspect.signature(code_server._channel_of_its_own).parameters) == ["self"]
    for method in ("_get_response", "_get_streaming_response"):
        assert "with self._channel() as channel:" in inspect.getsource(getattr(DagsterGrpcClient, method))
    client = DagsterGrpcClient(port=1, host="127.0.0.1")
    assert client._server_address == "127.0.0.1:1"
    assert client.use_ssl is False


def test_the_stack_starts_this_code_server() -> None:
    argv = plan._code_server(Path("/run/grpc")).argv
    assert argv is not None
    assert argv[1:6] == ("-P", "-m", code_server.__name__, "code-server", "start")

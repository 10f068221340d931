"""What `stack.code_server` takes for granted about Dagster's gRPC service and its messages."""

from __future__ import annotations

import pytest
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._serdes import serialize_value
from dagster._utils.error import SerializableErrorInfo

from scheduler_defs.stack.components import code_server

SERVICE = dagster_api_pb2.DESCRIPTOR.services_by_name["DagsterApi"]


@pytest.mark.parametrize("method", ["ListRepositories", "ReloadCode"])
def test_given_the_service_then_the_calls_exist_and_an_empty_request_is_a_request(method: str) -> None:
    assert SERVICE.full_name == "api.DagsterApi"
    request = SERVICE.methods_by_name[method].input_type
    assert getattr(dagster_api_pb2, request.name).FromString(b"") is not None


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 100_000])
def test_given_a_reply_of_any_length_then_its_text_is_read(length: int) -> None:
    text = "ä" * length
    reply = dagster_api_pb2.ListRepositoriesReply(serialized_list_repositories_response_or_error="x" + text)
    assert code_server._text(reply.SerializeToString()) == "x" + text


def test_given_an_error_of_user_code_then_the_message_at_its_root_is_found() -> None:
    import json

    root = SerializableErrorInfo("ImportError: no such thing\n  in line 3\nmore\n", [], "ImportError")
    outer = SerializableErrorInfo("Error loading\n", [], "DagsterUserCodeLoadError", cause=root)
    document = json.loads(serialize_value(outer))
    assert document["__class__"] == "SerializableErrorInfo"
    assert code_server._root_message(document) == "ImportError: no such thing in line 3"

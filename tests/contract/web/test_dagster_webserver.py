"""What our webserver takes for granted of dagster-webserver 1.13: names that are not documented."""

from __future__ import annotations

import inspect

import pytest
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster_graphql.schema import create_schema
from dagster_webserver.graphql import GraphQLServer
from dagster_webserver.webserver import DagsterWebserver

OVERRIDDEN = {
    "__init__": ["self", "process_context", "app_path_prefix", "live_data_poll_rate", "uses_app_path_prefix"],
    "build_graphql_schema": ["self"],
    "build_middleware": ["self"],
    "create_asgi_app": ["self", "kwargs"],
    "make_security_headers": ["self"],
    "make_csp_header": ["self", "nonce"],
    "graphql_http_endpoint": ["self", "request"],
    "graphql_ws_endpoint": ["self", "websocket"],
    "download_captured_logs_endpoint": ["self", "request"],
    "download_debug_file_endpoint": ["self", "request"],
    "download_notebook": ["self", "request"],
    "request_context": ["self", "conn"],
}


@pytest.mark.parametrize(("name", "parameters"), OVERRIDDEN.items())
def test_what_is_overridden_is_called_so(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(DagsterWebserver, name)).parameters) == parameters


def test_a_request_context_is_made_from_the_connection() -> None:
    assert "create_request_context(conn)" in inspect.getsource(DagsterWebserver._make_request_context)
    assert list(inspect.signature(WorkspaceProcessContext.create_request_context).parameters) == [
        "self",
        "source",
    ]
    assert list(inspect.signature(WorkspaceRequestContext.__init__).parameters) == [
        *("self", "instance", "current_workspace", "process_context", "version", "source"),
        *("read_only", "read_only_locations"),
    ]


def test_its_schema_is_made_of_these_parts() -> None:
    source = "".join(inspect.getsource(create_schema).split())
    for part in (
        *("query=GrapheneQuery", "mutation=GrapheneMutation", "subscription=GrapheneSubscription"),
        "types=types()",
    ):
        assert part in source
    assert "create_schema()" in inspect.getsource(DagsterWebserver.build_graphql_schema)
    assert "context_value=request_context" in inspect.getsource(GraphQLServer.gen_graphql_response)


def test_every_way_to_graphql_over_http_goes_through_one_endpoint() -> None:
    source = inspect.getsource(DagsterWebserver.build_routes)
    assert source.count('"/graphql"') == 2
    assert "self.graphql_http_endpoint" in source
    assert "self.graphql_ws_endpoint" in source
    assert "execute_graphql_request" in inspect.getsource(GraphQLServer.graphql_http_endpoint)


def test_the_launchpad_takes_its_first_text_from_the_name_that_is_replaced() -> None:
    from dagster_graphql.schema import run_config

    from scheduler_defs.web import launchpad

    source = inspect.getsource(run_config.GrapheneRunConfigSchema.resolve_rootDefaultYaml)
    assert f"return {launchpad._NAME}(config_schema_snapshot, root_type)" in source

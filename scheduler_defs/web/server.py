"""Dagster's webserver with our doors: a subclass, so that its UI, GraphQL and routes stay its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster_webserver.webserver import DagsterWebserver
from graphene import Schema
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    StreamingResponse,
)
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketState
from typing_extensions import override

from scheduler_defs import database
from scheduler_defs.access.table import admin
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.web import by_name, metrics, problems
from scheduler_defs.web.access.decide import Decide
from scheduler_defs.web.access.gate import PRINCIPAL, Identify, Needs
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.access.login import LOGIN, LOGOUT, Login
from scheduler_defs.web.access.mutations import refusal
from scheduler_defs.web.access.permissions import SignalboxRequestContext
from scheduler_defs.web.access.routes import needs
from scheduler_defs.web.access.subjects import declared
from scheduler_defs.web.doors.guard import Guard
from scheduler_defs.web.doors.headers import CONTENT_POLICY, NOTEBOOK_POLICY, SECURITY, SecurityHeaders
from scheduler_defs.web.doors.hosts import Authority, Hosts
from scheduler_defs.web.events.hub import Hub
from scheduler_defs.web.events.log import Log
from scheduler_defs.web.mcp import door as mcp
from scheduler_defs.web.pages import app as pages
from scheduler_defs.web.rest import app as rest
from scheduler_defs.web.rest.asking import InProcessClient
from scheduler_defs.web.run_rows import ASKED_BY_THE_PAGE, one_line_each

_JSON = "application/json"


class SignalboxWebserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """`hosts`: what it may be called. `origins`: addresses of the UI, where a proxy rewrites the Host.

    `identities`: how it finds out who asks. `secure`: people reach it by https. `urls`: where they do.
    `ending`: whether it is told to end, and with it the streams that never do.
    """

    def __init__(
        self,
        process_context: WorkspaceProcessContext,
        *,
        hosts: Hosts,
        identities: Identities,
        origins: frozenset[Authority] = frozenset(),
        path_prefix: str = "",
        secure: bool = False,
        urls: Sequence[str] = (),
        live_data_poll_milliseconds: int = 2000,
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hosts = hosts
        self._origins = origins
        self._identities = identities
        self._hub = Hub(Log(database.engine, self._own_client), ending=ending)
        self.login = Login(identities, prefix=path_prefix, secure=secure, urls=urls)
        self._decide = Decide(identities, prefix=path_prefix, channels=lambda: declared().alerts.channels)
        super().__init__(process_context, path_prefix, live_data_poll_milliseconds)

    @override
    def build_graphql_schema(self) -> Schema:
        from scheduler_defs.web.graphql.schema import build

        return build()

    @override
    def build_middleware(self) -> list[Middleware]:
        return [
            Middleware(SecurityHeaders),
            Middleware(
                Guard,
                hosts=self._hosts,
                origins=self._origins,
                forms=frozenset(f"{self._app_path_prefix}{path}" for path in (LOGIN, LOGOUT)),
            ),
            Middleware(Identify, identities=self._identities, prefix=self._app_path_prefix),
            *super().build_middleware(),
        ]

    @override
    def build_routes(self) -> list[BaseRoute]:
        """Ours, then Dagster's; each behind what it needs, and none that nobody has classified."""
        routes: list[BaseRoute] = super().build_routes()
        below = next((item for item in routes if isinstance(item, Mount) and self._is_prefix(item)), None)
        inside = below.routes if below is not None else routes
        api = rest.build(self._answer, self._hub)
        own = [*by_name.routes(self._app_path_prefix), *pages.routes(self._answer, api.openapi)]
        inside[:0] = [
            *self.login.routes(),
            *self._decide.routes(),
            *metrics.routes(),
            *own,
            mcp.route(api),
            Mount(rest.PATH, api),
        ]
        for route in inside:
            self._shut(route)
        return routes

    def _is_prefix(self, route: Mount) -> bool:
        return bool(self._app_path_prefix) and route.path == self._app_path_prefix

    def _shut(self, route: BaseRoute) -> None:
        action = needs(route)
        if action is not None:  # not PUBLIC
            assert isinstance(route, Route | WebSocketRoute | Mount)
            login = f"{self._app_path_prefix}{LOGIN}"
            route.app = Needs(route.app, action, login=login, access=self._identities.access)

    def _own_client(self) -> GraphQLClient:
        """For what the server reads by itself, once for all who listen."""
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "headers": [],
            PRINCIPAL: admin("signalbox"),
        }
        return InProcessClient(self._answer, Request(scope))

    def _answer(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        """GraphQL for our own routes, with the permissions of the request's principal."""
        response = self.graphql_execution_thread(
            request, body["query"], body["variables"], body["operationName"]
        )
        return json.loads(bytes(response.body))

    @override
    async def gen_graphql_response(
        self,
        request_context: WorkspaceRequestContext,
        query: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
    ) -> JSONResponse:
        """As Dagster does it, for those who may call each of the mutations."""
        why = self._refusal(request_context, query)
        if why is None:
            answer = await super().gen_graphql_response(request_context, query, variables, operation_name)
            if operation_name == ASKED_BY_THE_PAGE:
                rows = one_line_each(json.loads(bytes(answer.body)))
                return JSONResponse(rows, status_code=answer.status_code)
            return answer
        body = {"data": None, "errors": [{"message": why, "extensions": {"code": "FORBIDDEN"}}]}
        return JSONResponse(body, status_code=HTTPStatus.FORBIDDEN)

    def _refusal(self, context: WorkspaceRequestContext, query: str) -> str | None:
        assert isinstance(context, SignalboxRequestContext)
        try:
            document = parse(query)
        except GraphQLError:
            return None  # Dagster says what is wrong with it
        return refusal(document, context.principal)

    @override
    def create_asgi_app(self, **kwargs: Any) -> Starlette:
        handlers = {HTTPException: problems.of_http_exception, Exception: problems.of_fault}
        app = super().create_asgi_app(exception_handlers=handlers, **kwargs)
        app.state.answering = self._answer  # for our own fields of GraphQL
        return app

    @override
    def make_security_headers(self) -> dict[str, str]:
        own = {name: value for name, value in SECURITY.items() if name != CONTENT_POLICY}
        return {**super().make_security_headers(), **own}

    @override
    def make_csp_header(self, nonce: str) -> str:
        return f"{super().make_csp_header(nonce).rstrip('; ')}; form-action 'self'; frame-ancestors 'none'"

    @override
    async def graphql_http_endpoint(
        self, request: Request
    ) -> HTMLResponse | PlainTextResponse | JSONResponse:
        """GraphQL, for what a page elsewhere cannot send: JSON by POST, or a question without effects."""
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
                raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"GraphQL takes {_JSON} by POST")
            _check_body(await request.body())
        else:
            query = request.query_params.get("query")
            if query is not None and _changes_something(query):
                raise HTTPException(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    f"mutations are sent as {_JSON} by POST",
                    headers={"Allow": "POST"},
                )
        return await super().graphql_http_endpoint(request)

    @override
    async def graphql_ws_endpoint(self, websocket: WebSocket) -> None:
        """Subscriptions. A message that is none of the protocol ends the connection, and nothing else."""
        try:
            await super().graphql_ws_endpoint(websocket)
        except (ValueError, KeyError, TypeError, AttributeError):
            if websocket.application_state is WebSocketState.CONNECTED:
                await websocket.close(1003, "not a message of the graphql-ws protocol")

    @override
    async def download_captured_logs_endpoint(self, request: Request) -> FileResponse:
        parts = request.path_params["path"].split("/")
        if len(parts) < 2 or not all(_is_plain(part) for part in parts):
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such log")
        return await super().download_captured_logs_endpoint(request)

    @override
    async def download_debug_file_endpoint(self, request: Request) -> StreamingResponse:
        with self.request_context(request) as context:
            if context.instance.get_run_by_id(request.path_params["run_id"]) is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "no such run")
        return await super().download_debug_file_endpoint(request)

    @override
    async def download_notebook(self, request: Request) -> HTMLResponse | PlainTextResponse:
        wanted = request.query_params.get("repoLocName"), request.query_params.get("path")
        if None in wanted:
            raise HTTPException(HTTPStatus.NOT_FOUND, "a notebook is named by repoLocName and path")
        with self.request_context(request) as context:
            if not context.has_code_location_name(str(wanted[0])):
                raise HTTPException(HTTPStatus.NOT_FOUND, "no such code location")
        response = await super().download_notebook(request)
        response.headers[CONTENT_POLICY] = NOTEBOOK_POLICY
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response


def _check_body(body: bytes) -> None:
    """Dagster takes an object with a text `query` for granted."""
    try:
        document = json.loads(body)
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    fits = (
        isinstance(document, dict)
        and isinstance(document.get("query"), str)
        and isinstance(document.get("variables"), dict | str | None)
        and isinstance(document.get("operationName"), str | None)
    )
    if not fits:
        raise HTTPException(
            HTTPStatus.BAD_REQUEST,
            "a GraphQL request is an object with a text `query`, and perhaps `variables` (an object) and "
            "`operationName` (text)",
        )


def _changes_something(query: str) -> bool:
    """Whether any operation of the document is no plain question."""
    try:
        operations: Sequence[Any] = parse(query).definitions
    except GraphQLError:
        return False  # Dagster says what is wrong with it
    return any(
        isinstance(item, OperationDefinitionNode) and item.operation is not OperationType.QUERY
        for item in operations
    )


def _is_plain(part: str) -> bool:
    return part not in ("", ".", "..") and "\0" not in part and "\\" not in part and len(part) <= 255

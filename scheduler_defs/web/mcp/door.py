"""`POST /mcp`: streamable HTTP, one request at a time, no session. Loaded when somebody first asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from scheduler_defs.access.table import Principal
from scheduler_defs.audit.entries import Acting, Channel, acting_as, request_id
from scheduler_defs.web.access.gate import PRINCIPAL
from scheduler_defs.web.mcp.calling import Ask, Order, Reply
from scheduler_defs.web.problems import problem

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from scheduler_defs.web.mcp.server import Context

PATH = "/mcp"


def route(api: FastAPI) -> Route:
    """The route over this API."""
    return Route(PATH, Door(api))


class Door:
    """ASGI application: gives each request to the package's transport, which lives as long as the loop."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api
        self._manager: StreamableHTTPSessionManager | None = None
        self._runs: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["method"] != "POST"
        ):  # there is no stream that a client could hold open, and no session to end
            refused = problem(
                HTTPStatus.METHOD_NOT_ALLOWED, "MCP is asked by POST", headers={"Allow": "POST"}
            )
            await refused(scope, receive, send)
            return
        manager = await self._started()
        await manager.handle_request(scope, receive, send)

    async def _started(self) -> StreamableHTTPSessionManager:
        runs = self._runs
        if (
            self._manager is None
            or runs is None
            or runs.done()
            or runs.get_loop() is not asyncio.get_running_loop()
        ):
            from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

            from scheduler_defs.web.mcp.server import build

            server = build(self._api.openapi(), self._asking)
            self._manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
            up = asyncio.Event()
            self._runs = asyncio.create_task(_run(self._manager, up))
            await up.wait()
        return self._manager

    def _asking(self, context: Context) -> Ask:
        """The API in this process, for whoever has sent the request."""
        request = context.request
        assert isinstance(request, Request)
        principal = request.scope[PRINCIPAL]
        assert isinstance(principal, Principal)

        async def ask(order: Order) -> Reply:
            with acting_as(Acting(principal.name, Channel.MCP, request_id())):
                transport = httpx.ASGITransport(_as(principal, self._api, request))
                async with httpx.AsyncClient(transport=transport, base_url="http://in-process") as client:
                    return reply(await client.request(**arguments(order)))

        return ask


def arguments(order: Order) -> Mapping[str, Any]:
    """An order as httpx takes it."""
    return {"method": order.method, "url": order.path, "params": order.query, "json": order.body}


def reply(answer: httpx.Response) -> Reply:
    """What came back; text where it is no JSON."""
    try:
        return Reply(answer.status_code, answer.json())
    except ValueError:
        return Reply(answer.status_code, answer.text)


def _as(principal: Principal, api: FastAPI, request: Request) -> ASGIApp:
    """The API as that principal meets it, at the address of the request that he has sent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        host = request.headers.get("host", "").encode()
        await api({**scope, PRINCIPAL: principal, "headers": [*headers, (b"host", host)]}, receive, send)

    return app


async def _run(manager: StreamableHTTPSessionManager, up: asyncio.Event) -> None:
    """In one task from beginning to end, as the transport's task group wants it."""
    async with manager.run():
        up.set()
        await asyncio.Event().wait()

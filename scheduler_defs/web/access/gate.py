"""Everybody is known before anything is done, and each route lets in whom the access table lets in."""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scheduler_defs.access.rate import Rate
from scheduler_defs.access.table import Action, Principal
from scheduler_defs.audit.entries import Acting, Channel, acting_as, request_id
from scheduler_defs.declarations.models.access import Access, Mode
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.access.outside import page
from scheduler_defs.web.problems import problem

PRINCIPAL = "signalbox.principal"
"""Key of the ASGI scope: who asks, or None."""
CHANNEL_HEADER = "X-Signalbox-Channel"
"""By this our own MCP server over standard input says which door it is; it changes what the audit notes."""
WITH_LOGIN = frozenset({Mode.PASSWORD, Mode.OIDC})
"""Modes with a page to log in, and so with one to log out."""
LOGGED_IN = "signalbox.logged_in"
"""Key of the ASGI scope: whether it is a login that can be ended."""
_BURST = 4


def principal_of(connection: HTTPConnection) -> Principal:
    """Who asks. Only for routes that let in nobody unknown: raises KeyError or AssertionError elsewhere."""
    found = connection.scope[PRINCIPAL]
    assert isinstance(found, Principal)
    return found


class Identify:
    """ASGI middleware: notes who asks, and slows down who asks too often."""

    def __init__(self, app: ASGIApp, *, identities: Identities, prefix: str = "") -> None:
        self._app = app
        self._prefix = prefix
        self._identities = identities
        self._rate = Rate(1.0, 1.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            connection = HTTPConnection(scope)
            found = await run_in_threadpool(self._identities.find, connection)
            scope[PRINCIPAL] = found
            scope[LOGGED_IN] = (
                found is not None
                and "authorization" not in connection.headers
                and self._identities.access().mode in WITH_LOGIN
            )
            wait = self._wait(found, connection)
            if wait and scope["type"] == "http":
                seconds = math.ceil(wait)
                answer = problem(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"too many requests; the next is taken in {seconds} s",
                    headers={"Retry-After": str(seconds)},
                )
                await answer(scope, receive, send)
                return
            if found is not None:
                # What is recorded and launched meanwhile, in whatever thread, is his.
                with acting_as(self._acting(found, connection)):
                    await self._app(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _acting(self, found: Principal, connection: HTTPConnection) -> Acting:
        # A socket carries many requests, and has no id for them.
        own = request_id() if connection.scope["type"] == "http" else None
        return Acting(found.name, self._channel(connection), own)

    def _channel(self, connection: HTTPConnection) -> Channel:
        if connection.url.path.startswith(f"{self._prefix}/api/"):
            return Channel.MCP if connection.headers.get(CHANNEL_HEADER) == Channel.MCP else Channel.REST
        return Channel.UI if "sec-fetch-site" in connection.headers else Channel.GRAPHQL

    def _wait(self, found: Principal | None, connection: HTTPConnection) -> float:
        access = self._identities.access()
        if access.mode is Mode.LOCAL and "authorization" not in connection.headers:
            return 0.0
        self._rate.per_second = access.requests_per_second
        self._rate.burst = _BURST * access.requests_per_second
        client = connection.client
        return self._rate.wait(found.name if found else f"nobody at {client.host if client else '?'}")


class Needs:
    """The application behind one route, for those who may do `action`, at least to something."""

    def __init__(self, app: ASGIApp, action: Action, *, login: str, access: Callable[[], Access]) -> None:
        self.app = app
        self.action = action
        self._login = login
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found: Principal | None = scope.get(PRINCIPAL)
        if found is not None and found.may_somewhere(self.action):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not allowed"})
        elif found is not None:
            await self._refused(HTTPConnection(scope), found)(scope, receive, send)
        else:
            await self._who(HTTPConnection(scope))(scope, receive, send)

    def _refused(self, connection: HTTPConnection, found: Principal) -> Response:
        """Why, as a page to a person and as a problem to a program."""
        why = found.refusal(self.action)
        if not _wants_a_page(connection):
            return problem(HTTPStatus.FORBIDDEN, why)
        end = self._login.removesuffix("login") + "logout" if connection.scope.get(LOGGED_IN) else ""
        values = {"title": "Not for you", "fault": why, "name": found.name, "end": end}
        return page("refused.html", values, HTTPStatus.FORBIDDEN)

    def _who(self, connection: HTTPConnection) -> Response:
        """To the login, where there is one and a person asks; a program gets 401."""
        wants_a_page = _wants_a_page(connection)
        if wants_a_page and self._access().mode in WITH_LOGIN:
            here = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
            return RedirectResponse(f"{self._login}?next={quote(here)}", HTTPStatus.SEE_OTHER)
        error = unknown_caller()
        if wants_a_page:
            values = {"title": "Who are you?", "fault": error.detail, "name": "", "end": ""}
            return page("refused.html", values, error.status_code, error.headers)
        return problem(error.status_code, error.detail, headers=error.headers)


def _wants_a_page(connection: HTTPConnection) -> bool:
    """Whether a person looks at this with a browser."""
    return connection.scope["method"] == "GET" and "text/html" in connection.headers.get("accept", "")


def unknown_caller() -> HTTPException:
    """401, and what would help."""
    return HTTPException(
        HTTPStatus.UNAUTHORIZED,
        "this needs a login, or an API token as `Authorization: Bearer TOKEN`",
        headers={"WWW-Authenticate": 'Bearer realm="signalbox"'},
    )

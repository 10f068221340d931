"""The first thing that a request meets: is it meant for us, does a page of ours send it, is it of a size."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler_defs.web.doors.hosts import Authority, Hosts, authority
from scheduler_defs.web.doors.origins import foreign
from scheduler_defs.web.problems import problem

MOST_BYTES = 8 * 1024 * 1024
"""The largest body of a request. A run's configuration is a few kB."""
# What a page may send anywhere without asking first (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
_OF_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Guard:
    """ASGI middleware that refuses what is not for us, before anything reads it.

    `origins`: addresses of the UI beside the one that the Host header names (a proxy may rewrite that).
    `forms`: paths that take a form of ours, such as the login's.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Hosts,
        origins: frozenset[Authority] = frozenset(),
        forms: frozenset[str] = frozenset(),
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = origins
        self._forms = forms
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, self._bounded(receive) if scope["type"] == "http" else receive, send)
        elif scope["type"] == "websocket":
            # Before it is accepted: the browser gets 403.
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
        else:
            await problem(*refused)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        host = authority(named[0]) if len(named) == 1 else None
        if host is None:
            return HTTPStatus.BAD_REQUEST, "a request needs one Host header that names a host"
        if not self._hosts.admits(host.host):
            return HTTPStatus.MISDIRECTED_REQUEST, (
                f"this server is not called {host.host[:100]!r}; the address under which people reach it "
                "is told to it by SIGNALBOX_UI_URL"
            )
        websocket = scope["type"] == "websocket"
        method = "GET" if websocket else scope["method"]
        why = foreign(method, headers, host, self._origins, websocket=websocket)
        if why is not None:
            return HTTPStatus.FORBIDDEN, f"only the UI's own pages may do this: {why}"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _CHANGES and kind in _OF_FORMS and scope["path"] not in self._forms:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{kind} is not taken here; send application/json"
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._most_bytes:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {self._most_bytes} bytes"
        return None

    def _bounded(self, receive: Receive) -> Receive:
        """Count what comes: a body in chunks says no length beforehand."""
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most_bytes:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {self._most_bytes} bytes"
                )
            return message

        return bounded

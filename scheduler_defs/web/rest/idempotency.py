"""`Idempotency-Key`: a request that is sent again is answered as the first time, and done once.

While a request is answered, its key is renewed. One that is not any more belongs to a process that is gone.
Then the request is carried out again, and does nothing twice: a run carries the request's digest as a tag,
which is a claim in the database; a task or a comment is written with the digest under a primary key, in one
transaction; and what is set already stays set.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler_defs.access.table import Principal
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.web.access.gate import PRINCIPAL
from scheduler_defs.web.problems import problem

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 200
"""Characters of a key."""
TAKES_NO_KEY = ("/claim",)
"""Ends of the paths whose answer holds a secret, which is not kept."""
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEPT_HEADERS = frozenset({"content-type", "location", "etag"})
SILENCE_SECONDS = 60.0
"""A key that nobody has renewed for so long is nobody's."""
_RENEWED_SECONDS = 15.0
REQUEST = "signalbox.request"
"""Key of the ASGI scope: the digest of who asks, the key, and what he asks for."""
REPEATED = "signalbox.repeated"
"""Key of the ASGI scope: whether the request may have been carried out before, by a process that is gone."""
_log = logging.getLogger("signalbox.idempotency")
_statement = NamedSql(Path(__file__).parent)


class Idempotency:
    """ASGI middleware. A key is its caller's own, and is kept for a day.

    The same key with another request is a 409; so is one whose first request is still being answered. One
    that was cut off by a crash is taken over. An answer of 500 and above is not kept. `silence`: seconds
    after which a key that is not renewed is taken over.
    """

    def __init__(
        self, app: ASGIApp, *, engine: Callable[[], sa.Engine], silence: float = SILENCE_SECONDS
    ) -> None:
        self._app = app
        self._engine = engine
        self._silence = silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal | None = scope.get(PRINCIPAL)
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if key is None or principal is None or scope["method"] not in _CHANGES:
            await self._app(scope, receive, send)
            return
        if fault := _fault(key, scope["path"]):
            await problem(HTTPStatus.BAD_REQUEST, fault)(scope, receive, send)
            return
        body = await _read(receive)
        route = f"{scope['method']} {scope['path']}"
        asked = scope.get("query_string", b"") + b"\0" + body
        values = {
            "actor": principal.name,
            "key": key,
            "route": route,
            "fingerprint": hashlib.sha256(asked).hexdigest(),
            "silence": self._silence,
        }
        repeated, known = await run_in_threadpool(self._begin, values)
        if known is not None:
            await _again(known, values)(scope, receive, send)
            return
        answer = _Answer(send)
        told_apart = f"{principal.name}\0{key}\0{route}\0{values['fingerprint']}"
        scope[REQUEST] = hashlib.sha256(told_apart.encode()).hexdigest()
        scope[REPEATED] = repeated
        renewing = asyncio.create_task(self._renew(values))
        try:
            await self._app(scope, _replayed(body), answer.take)
        except BaseException:
            renewing.cancel()
            await run_in_threadpool(self._do, "forget_key", values)
            raise
        renewing.cancel()
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            await run_in_threadpool(self._do, "answered", {**values, **answer.row()})
        else:
            await run_in_threadpool(self._do, "forget_key", values)

    async def _renew(self, values: dict[str, Any]) -> None:
        while True:
            await asyncio.sleep(min(_RENEWED_SECONDS, self._silence / 4))
            try:
                await run_in_threadpool(self._do, "renew_key", values)
            except SQLAlchemyError as error:
                _log.warning("a key is not renewed: %s", error)

    def _begin(self, values: dict[str, Any]) -> tuple[bool, sa.Row[Any] | None]:
        """Whether it may have been done before, and its answer. No answer: it is ours to answer."""
        with self._engine().begin() as connection:
            connection.execute(_statement("forget_old_keys"))
            if connection.execute(_statement("take_key"), values).first() is not None:
                return False, None
            if connection.execute(_statement("take_over_key"), values).first() is not None:
                return True, None
            return False, connection.execute(_statement("known_key"), values).one()

    def _do(self, name: str, values: dict[str, Any]) -> None:
        with self._engine().begin() as connection:
            connection.execute(_statement(name), values)


class _Answer:
    """Passes an answer on, and remembers it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 500
        self._headers: dict[str, str] = {}
        self._body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            self._headers = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
        await self._send(message)

    def row(self) -> dict[str, Any]:
        return {"status": self.status, "headers": json.dumps(self._headers), "body": self._body.decode()}


def _fault(key: str, path: str) -> str | None:
    if not 0 < len(key) <= LONGEST or not key.isprintable():
        return f"an Idempotency-Key has 1 to {LONGEST} printable characters"
    if path.endswith(TAKES_NO_KEY):
        return "a claim takes no Idempotency-Key: its answer holds a secret, which is not kept"
    return None


def _again(known: sa.Row[Any], values: dict[str, Any]) -> Response:
    if (known.route, known.fingerprint) != (values["route"], values["fingerprint"]):
        return problem(HTTPStatus.CONFLICT, "this Idempotency-Key was used for another request")
    if known.status is None:
        return problem(
            HTTPStatus.CONFLICT,
            "the first request with this Idempotency-Key has no answer yet: send it again in a minute",
            headers={"Retry-After": "1"},
        )
    return Response(known.body, known.status, headers={**known.headers, REPLAYED: "true"})


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


def _replayed(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive

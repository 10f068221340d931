"""A stand-in TinyTask server (REST `/api/v1`), threaded, that tests can take down, slow down and watch."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.standins.tinytask_store import Refused, Store

LARGEST_BODY = 100 * 1024


class TinyTaskServer:
    """Serves one Store on a loopback port, from `with` to its end.

    `requests` are the (method, path) seen. `before_answer`, when set, is called with each before it is
    answered, outside the lock: a test can change tasks behind the client's back, sleep, or raise
    ConnectionError to cut the connection.
    """

    def __init__(self) -> None:
        self.store = Store()
        self.requests: list[tuple[str, str]] = []
        self.before_answer: Callable[[str, str], None] | None = None
        self.lock = threading.Lock()
        self.port = 0
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def listening(self) -> bool:
        return self._server is not None

    def __enter__(self) -> TinyTaskServer:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self) -> None:
        """Listen, on the port of the time before if there was one; the tasks are still there."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Stop listening, and cut all connections."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.cut_connections()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        """Status and document of the answer to one request."""
        parts = urlsplit(target)
        self.requests.append((method, parts.path))
        if self.before_answer is not None:
            self.before_answer(method, parts.path)
        if len(body) > LARGEST_BODY:
            return 500, {"error": "Internal server error"}
        try:
            given = json.loads(body) if body else {}
        except ValueError:
            return 400, {"error": "Invalid JSON body"}
        with self.lock:
            try:
                return self._route(method, unquote(parts.path), dict(parse_qsl(parts.query, True)), given)
            except Refused as refused:
                return refused.status, {"error": str(refused)}

    def _route(self, method: str, path: str, query: dict[str, str], given: Any) -> tuple[int, Any]:
        if (method, path) == ("GET", "/health"):
            return 200, {"status": "ok"}
        for wanted, pattern, action in _ROUTES:
            match = re.fullmatch(pattern, path.removeprefix("/api/v1"))
            if wanted == method and match and path.startswith("/api/v1/"):
                return action(self.store, match.groups(), query, given)
        raise Refused(404, "Not found")


Action = Callable[[Store, tuple[str, ...], dict[str, str], Any], tuple[int, Any]]


def _id(text: str) -> int:
    number = re.match(r"\d+", text)
    if number is None:
        raise Refused(400, f"Invalid task ID: {text}")
    return int(number[0])


def _queue(text: str) -> str:
    if not text.strip():
        raise Refused(400, "Queue name cannot be empty")
    return text


def _move(store: Store, id: str, queue: Any) -> tuple[int, Any]:
    return 200, store.update(_id(id), {"queue_name": queue})


_ROUTES: list[tuple[str, str, Action]] = [
    ("POST", r"/tasks", lambda s, p, q, g: (201, s.create(g))),
    ("GET", r"/tasks", lambda s, p, q, g: (200, s.listed(q))),
    ("GET", r"/tasks/([^/]+)", lambda s, p, q, g: (200, s.with_relations(s.get(_id(p[0]))))),
    ("PATCH", r"/tasks/([^/]+)", lambda s, p, q, g: (200, s.update(_id(p[0]), g))),
    ("DELETE", r"/tasks/([^/]+)", lambda s, p, q, g: (200, s.delete(_id(p[0])))),
    ("POST", r"/tasks/([^/]+)/archive", lambda s, p, q, g: (200, s.archive(_id(p[0])))),
    (
        "POST",
        r"/tasks/([^/]+)/subtasks",
        lambda s, p, q, g: (201, s.create({**g, "parent_task_id": s.get(_id(p[0]))["id"]})),
    ),
    (
        "GET",
        r"/tasks/([^/]+)/subtasks",
        lambda s, p, q, g: (200, s.subtasks(s.get(_id(p[0]))["id"], q.get("recursive") == "true")),
    ),
    ("POST", r"/agents/([^/]+)/signup", lambda s, p, q, g: (200, s.signup(p[0]))),
    (
        "GET",
        r"/agents/([^/]+)/queue",
        lambda s, p, q, g: (200, s.listed({"assigned_to": p[0], "status": "idle,working"})),
    ),
    ("POST", r"/tasks/([^/]+)/transfer", lambda s, p, q, g: (200, s.transfer(_id(p[0]), g))),
    ("GET", r"/queues", lambda s, p, q, g: (200, s.queues())),
    ("GET", r"/queues/([^/]+)/stats", lambda s, p, q, g: (200, s.stats(_queue(p[0])))),
    ("GET", r"/queues/([^/]+)/tasks", lambda s, p, q, g: (200, s.listed(q, _queue(p[0])))),
    ("PATCH", r"/tasks/([^/]+)/queue", lambda s, p, q, g: _move(s, p[0], g.get("new_queue_name"))),
    ("DELETE", r"/tasks/([^/]+)/queue", lambda s, p, q, g: _move(s, p[0], None)),
    ("POST", r"/tasks/([^/]+)/comments", lambda s, p, q, g: (201, s.add_comment(_id(p[0]), g))),
    (
        "GET",
        r"/tasks/([^/]+)/comments",
        lambda s, p, q, g: (200, s.with_relations(s.get(_id(p[0])))["comments"]),
    ),
    ("POST", r"/tasks/([^/]+)/links", lambda s, p, q, g: (201, s.add_link(_id(p[0]), g))),
    ("GET", r"/tasks/([^/]+)/links", lambda s, p, q, g: (200, s.with_relations(s.get(_id(p[0])))["links"])),
]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sockets: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        self._sockets.append(accepted)
        return accepted, address

    def cut_connections(self) -> None:
        """As when the process ends: clients that keep their connections find them closed."""
        for accepted in self._sockets:
            with contextlib.suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Cut connections are what tests ask for: nothing to print."""


def _handler(owner: TinyTaskServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        wbufsize = -1  # one segment per answer: two would wait for the client's delayed acknowledgement

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not owner.listening:
                self.close_connection = True
                return
            try:
                status, document = owner.answer(self.command, self.path, body)
            except ConnectionError:
                self.close_connection = True
                return
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler

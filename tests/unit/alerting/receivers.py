"""Real servers for alerts to be sent to: HTTP and SMTP, on free loopback ports."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """Answers every POST with `status`, after `waits` has been set if it is to wait."""

    port: int = 0
    status: int = 200
    location: str = ""
    waits: threading.Event | None = None
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/s3cr3tpath"


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook that listens."""
    state = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append(json.loads(body))
            state.headers.append(dict(self.headers))
            if state.waits is not None:
                state.waits.wait(30)
                return
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            if state.waits is not None:
                state.waits.set()
            server.shutdown()
            thread.join()


@dataclass
class Mailbox:
    """What a small SMTP server was given. `refuses`: the code it answers DATA with, instead of taking it."""

    port: int = 0
    refuses: int | None = None
    commands: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server that listens; it offers AUTH PLAIN and no STARTTLS."""
    state = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                state.commands.append(line)
                match line.split()[0].upper():
                    case "EHLO":
                        self.say("250-here")
                        self.say("250 AUTH PLAIN")
                    case "AUTH":
                        self.say("235 welcome")
                    case "DATA" if state.refuses is not None:
                        self.say(f"{state.refuses} no")
                    case "DATA":
                        self.say("354 go on")
                        taken: list[str] = []
                        while (part := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                            taken.append(part)
                        state.mails.append("\n".join(taken))
                        self.say("250 taken")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 fine")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()

"""A proxy in the environment, as offices set it for every program."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scheduler_defs.graphql.client import GraphQLClient


class Webserver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"data": {"runsOrError": {"__typename": "Runs", "count": 7}}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Webserver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.case("newcomer-I03")
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "not a url"])
def test_given_a_proxy_then_the_commands_reach_their_own_machine_without_it(
    port: int, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)

    assert GraphQLClient(f"http://127.0.0.1:{port}").call("CountRuns", filter={}) == {
        "__typename": "Runs",
        "count": 7,
    }

"""How the command asks the webserver for schedules, and what it makes of each answer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.rest import FAULTS_HEADER, Listed, listed_schedules, quick_answer

Answer = tuple[int, str, dict[str, str]]
JSON = "application/json"
PROBLEM = "application/problem+json"


@contextmanager
def answering(answer: Callable[[dict[str, list[str]]], Answer]) -> Iterator[str]:
    """The address of a webserver that answers every GET with what `answer` makes of its query."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text, headers = answer(parse_qs(urlsplit(self.path).query))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def asked(answer: Callable[[dict[str, list[str]]], Answer]) -> Listed | None:
    with answering(answer) as url:
        return listed_schedules(GraphQLClient(url, headers={}))


def in_pages(query: dict[str, list[str]]) -> Answer:
    cursor = query.get("cursor", [None])[0]
    items, following = (
        ([{"name": "a"}, {"name": "b & c"}], "b & c") if cursor is None else ([{"name": "d"}], None)
    )
    assert cursor in (None, "b & c")
    return 200, json.dumps({"items": items, "next": following}), {"Content-Type": JSON, FAULTS_HEADER: "2"}


def test_given_several_pages_then_all_schedules_come_in_their_order() -> None:
    assert asked(in_pages) == Listed([{"name": "a"}, {"name": "b & c"}, {"name": "d"}], 2)


@pytest.mark.parametrize(
    "answer", [(404, "{}", {"Content-Type": JSON}), (200, "<html>", {"Content-Type": "text/html"})]
)
def test_given_a_plain_dagster_webserver_then_there_is_no_list(answer: Answer) -> None:
    assert asked(lambda _: answer) is None


@pytest.mark.parametrize(
    ("status", "text", "kind", "said"),
    [
        (
            503,
            {"detail": "the database does not answer"},
            NotReachableError,
            ": the database does not answer",
        ),
        (401, {"detail": "this needs a login"}, SignalboxError, " answered 401: this needs a login"),
        (
            500,
            {"data": {"schedules": {"message": "user code server gone\nin detail"}}},
            NotReachableError,
            "the code server is not there, or starts again: user code server gone",
        ),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    status: int, text: dict[str, object], kind: type[SignalboxError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        asked(lambda _: (status, json.dumps(text), {"Content-Type": PROBLEM}))
    assert type(caught.value) is kind
    assert str(caught.value).endswith(said)


def test_the_command_asks_the_webserver_and_loads_neither_database_nor_declarations(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['signalbox', 'schedules', 'list', '--json']\n"
    code += "from scheduler_defs.cli.main import main\n"
    code += "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
    code += "assert not {'dagster', 'sqlalchemy', 'scheduler_defs.declarations'} & set(sys.modules), 'heavy imports'"
    with answering(in_pages) as url:
        environment = {**os.environ, "SIGNALBOX_UI_URL": url, "SIGNALBOX_STATE": str(tmp_path)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in json.loads(done.stdout)] == ["a", "b & c", "d"]
    assert done.stderr == "signalbox: 2 faults in the declarations; `signalbox check` names them\n"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ((200, '{"state": "on"}', {"Content-Type": JSON}), {"state": "on"}),
        ((200, "[]", {"Content-Type": JSON}), []),
        ((200, "<html>", {"Content-Type": "text/html"}), None),
        ((404, '{"detail": "no such"}', {"Content-Type": PROBLEM}), None),
        ((409, '{"detail": "not so"}', {"Content-Type": PROBLEM}), None),
        ((503, '{"detail": "no database"}', {"Content-Type": PROBLEM}), None),
    ],
)
def test_a_quick_answer_is_the_api_s_or_none(answer: Answer, found: object) -> None:
    with answering(lambda _: answer) as url:
        assert quick_answer(GraphQLClient(url, headers={}), "/why/queue%3Adev") == found
    assert quick_answer(GraphQLClient(url, headers={}), "/why/queue%3Adev") is None, "nobody listens any more"

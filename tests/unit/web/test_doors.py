"""What the doors let through: the UI itself, links to it, and programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.web.doors.guard import MOST_BYTES
from scheduler_defs.web.doors.hosts import Authority, allowed, authority
from scheduler_defs.web.doors.origins import foreign
from tests.standins.web import LAUNCH, UI, Web, posted, serving

pytestmark = pytest.mark.attack

US = Authority("box.example", 3000)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web")) as started:
        yield started


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": UI},
        {"Origin": UI, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
        {"Host": "localhost:3000", "Origin": "http://localhost:3000"},
        {"Host": "[::1]:3000", "Origin": "http://[::1]:3000"},
        {"Host": "127.0.0.1", "Origin": "http://127.0.0.1"},
    ],
)
def test_the_ui_and_programs_launch(web: Web, headers: dict[str, str]) -> None:
    before = web.runs()
    answer = posted(web.client(), LAUNCH, **headers)
    assert answer.json()["data"]["launchRun"]["__typename"] == "LaunchRunSuccess"
    assert web.runs() == before + 1


def test_a_question_may_stand_in_an_address(web: Web) -> None:
    answer = web.client().get("/graphql", params={"query": "{ version }"})
    assert answer.json()["data"]["version"] == "test"


def test_a_link_on_another_page_leads_to_the_ui(web: Web) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    answer = web.client().get("/runs/x", headers=link)
    assert answer.status_code == 200
    assert "__PATH_PREFIX__" not in answer.text


def test_the_uis_websocket_is_answered_and_carries_no_mutation(web: Web) -> None:
    before = web.runs()
    with web.socket(Origin=UI) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        socket.send_json({"type": "start", "id": "1", "payload": {"query": LAUNCH}})
        assert socket.receive_json()["type"] == "error"
    assert web.runs() == before


@pytest.mark.parametrize("text", ["[]", "{}x", '{"type": "start", "id": "1"}'])
def test_a_message_of_no_protocol_ends_the_connection(web: Web, text: str) -> None:
    with web.socket() as socket:
        socket.send_text(text)
        assert socket.receive()["code"] == 1003


def test_pages_keep_dagsters_policy_and_get_ours(web: Web) -> None:
    headers = web.client().get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'nonce-" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_body_beyond_the_bound_is_refused_whether_its_length_is_said_or_not(web: Web) -> None:
    kind = {"Content-Type": "application/json"}
    big = b"x" * (MOST_BYTES + 1)
    assert web.client().post("/graphql", content=big, headers=kind).status_code == 413
    chunks = (big[start : start + 65536] for start in range(0, len(big), 65536))
    assert web.client().post("/graphql", content=chunks, headers=kind).status_code == 413


def test_a_server_for_everybody_goes_by_addresses_and_names_that_it_was_told() -> None:
    hosts = allowed("0.0.0.0", ["https://yard.example/"])
    assert hosts.admits("192.0.2.7")
    assert hosts.admits("yard.example")
    assert hosts.admits("localhost")
    assert not hosts.admits("evil.example")
    assert not allowed("192.0.2.7").admits("192.0.2.8")


@pytest.mark.parametrize("url", ["box", "ftp://box", "http://", "http://a@b"])
def test_an_address_without_a_host_is_named(url: str) -> None:
    with pytest.raises(SignalboxError, match="is no address of a webserver"):
        allowed("127.0.0.1", [url])


@pytest.mark.parametrize("text", ["", "a/b", "a@b", "a:x", "[::1", "a:70000", "a?b", "a\\b"])
def test_what_names_no_host_is_nothing(text: str) -> None:
    assert authority(text) is None


def test_a_proxy_that_rewrites_the_host_keeps_the_uis_own_address() -> None:
    headers = {"origin": "https://yard.example", "sec-fetch-site": "same-origin"}
    ours = frozenset({Authority("yard.example", None)})
    assert foreign("POST", headers, Authority("127.0.0.1", 3000), ours) is None
    assert foreign("POST", headers, Authority("127.0.0.1", 3000), frozenset())


@pytest.mark.parametrize(
    "came_from",
    ["box.example:3000", "file://box.example:3000", "http://box.example", "http://box.example:3000@evil"],
)
def test_an_origin_must_be_the_same_to_the_port(came_from: str) -> None:
    assert foreign("POST", {"origin": came_from}, US, frozenset())


def test_metrics_are_one_get_and_say_so_when_the_database_is_away(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", "postgresql://nobody@127.0.0.1:9/none")
    assert web.client().get("/metrics").status_code == 503
    assert web.client().post("/metrics", json={}).status_code == 405

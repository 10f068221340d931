"""Pages elsewhere that speak to the webserver in its visitor's name, and paths that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.websockets import WebSocketDisconnect

from tests.standins.web import LAUNCH, UI, Web, posted, serving

STOP = 'mutation { stopRunningSchedule(scheduleOriginId: "x", scheduleSelectorId: "x") { __typename } }'
DELETE = 'mutation { deletePipelineRun(runId: "x") { __typename } }'
SHUTDOWN = 'mutation { shutdownRepositoryLocation(repositoryLocationName: "yard") { __typename } }'
QUESTION = "{ version }"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web")) as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_was_launched(web: Web) -> Iterator[None]:
    before = web.runs()
    yield
    assert web.runs() == before


@pytest.mark.case("attack-a1-csrf")
@pytest.mark.parametrize("mutation", [LAUNCH, STOP, DELETE, SHUTDOWN])
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_mutation_in_an_address_is_refused(web: Web, mutation: str, headers: dict[str, str]) -> None:
    answer = web.client().get("/graphql", params={"query": mutation}, headers=headers)
    assert answer.status_code in (403, 405)


@pytest.mark.case("attack-a1-csrf")
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/plain; application/json",
        "application/graphql",
        "",
    ],
)
def test_a_mutation_in_any_other_body_is_refused(web: Web, kind: str) -> None:
    answer = web.client().post(
        "/graphql",
        params={"query": LAUNCH},
        content=f'{{"query": "{LAUNCH}"}}',
        headers={"Content-Type": kind},
    )
    assert answer.status_code == 415


@pytest.mark.case("attack-a1-csrf")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://localhost:3000"},
        {"Origin": UI, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/graphql",
        "/report_asset_materialization/any/key",
        "/report_asset_check/k",
        "/report_asset_observation/k",
        "/api/v1/jobs/deploy/launch",
        "/api/v1/schedules/nightly/pause",
        "/mcp",
        "/signalbox/jobs/deploy",
        "/no/such",
    ],
)
def test_another_pages_post_is_refused(web: Web, path: str, headers: dict[str, str]) -> None:
    assert web.client().post(path, json={"query": LAUNCH}, headers=headers).status_code == 403


@pytest.mark.case("attack-a1-csrf")
@pytest.mark.parametrize(
    "path", ["/", "/graphql", "/server_info", "/runs", "/no/such", "/api/v1/docs", "/mcp", "/signalbox"]
)
def test_nothing_is_shown_in_somebodys_frame(web: Web, path: str) -> None:
    answer = web.client().get(path, headers={"Accept": "text/html"})
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert web.client().get(path, headers=framed).status_code == 403


@pytest.mark.case("attack-a2-rebinding")
@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "192.0.2.7"])
@pytest.mark.parametrize(
    "path", ["/", "/graphql", "/logs/x/y.err", "/server_info", "/api/v1/runs", "/mcp", "/signalbox"]
)
def test_a_name_that_is_not_ours_is_refused(web: Web, host: str, path: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert web.client().get(path, headers=headers).status_code == 421
    assert posted(web.client(), QUESTION, **headers).status_code == 421


@pytest.mark.case("attack-a2-rebinding")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test:9131"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_pages_websocket_is_refused(web: Web, headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        web.socket(**headers),
    ):
        pass
    assert refused.value.code == 1008


@pytest.mark.case("attack-X-webserver-500")
@pytest.mark.parametrize(
    "path",
    [
        "/logs/..%2f..%2fstack/json",
        "/logs/..%2f..%2f..%2fetc%2fpasswd.out",
        "/logs/a%00b/x.out",
        "/logs/x",
        "/logs/" + "a" * 300 + "/x.out",
        "/logs/none/such.err",
        "/download_debug/none",
        "/notebook",
        "/notebook?repoLocName=none&path=x.ipynb",
        "/dagit/notebook",
    ],
)
def test_a_path_that_leads_nowhere_is_not_found(web: Web, path: str) -> None:
    answer = web.client().get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.case("attack-X-webserver-500")
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b'"x"', b"{}", b'{"query": 1}', b'{"query": "{version}", "variables": 1}'],
)
def test_a_body_that_is_no_graphql_is_a_bad_request(web: Web, body: bytes) -> None:
    answer = web.client().post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400

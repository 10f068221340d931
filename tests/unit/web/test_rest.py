"""The API at its doors: who may, what is not there, what does not fit. Acting is tested on a real stack."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from scheduler_defs import database
from scheduler_defs.access.table import TABLE, Action
from scheduler_defs.audit.store import Query, read
from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, Role, TrustedProxy
from scheduler_defs.web.rest import app as rest
from scheduler_defs.web.rest.answers.by_route import ANSWERS
from scheduler_defs.web.rest.asking import Needs
from scheduler_defs.web.rest.document import plain
from tests.standins.web import Web, serving

WHO = "X-Forwarded-User"
SCHEDULES = """# kept
schedules:
  nightly: {job: deploy, cron: "0 2 * * *"}   # at night
  weekly: {job: deploy, cron: "0 2 * * 1"}
jobs:
  deploy: {command: [echo, hello]}
"""
ACCESS = Access(
    mode=Mode.PROXY,
    proxy=TrustedProxy(header=WHO, peers=("127.0.0.1",)),
    grants=(
        *(AccessGrant(who=(role.value,), role=role) for role in Role),
        AccessGrant(who=("of-weekly",), role=Role.EDITOR, schedules=("weekly",)),
    ),
)
VALUES = {"{task_id}": "1", "{stream}": "stdout"}
NIGHTLY = "/api/v1/schedules/nightly"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_url: str) -> Iterator[Path]:
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "yard.yaml"
    path.write_text(SCHEDULES)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(path.parent))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", migrated_url)  # an edit is signed for
    yield path
    database.engine().dispose()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web"), access=ACCESS) as started:
        yield started


def routes() -> list[APIRoute]:
    """All of them: FastAPI keeps those of a router below it."""
    top = rest.build(lambda *_: {}).routes
    below = [
        each for item in top if (router := getattr(item, "original_router", None)) for each in router.routes
    ]
    return [route for route in (*top, *below) if isinstance(route, APIRoute)]


def action_of(route: APIRoute) -> Action | None:
    found = [each.call.action for each in route.dependant.dependencies if isinstance(each.call, Needs)]
    return found[0] if found else None


def test_every_route_says_what_it_needs() -> None:
    assert len(routes()) > 15
    open_to_all = {route.path for route in routes() if action_of(route) is None}
    assert open_to_all == rest.PUBLIC
    changing = [route for route in routes() if not route.methods <= {"GET", "HEAD"}]
    assert all(
        action_of(route) not in (None, Action.LOOK) for route in changing if route.path not in rest.PUBLIC
    )


@pytest.mark.attack
@pytest.mark.parametrize("role", [*Role, "stranger", None])
def test_each_role_reaches_what_its_actions_allow(web: Web, file: Path, role: Role | str | None) -> None:
    client = web.client(**({WHO: str(role)} if role else {}))
    for route in routes():
        action = action_of(route)
        if action is None:
            continue
        (method,) = route.methods - {"HEAD"}
        path = "/api/v1" + re.sub(r"\{\w+(:\w+)?\}", lambda at: VALUES.get(at[0], "none"), route.path)
        status = client.request(method, path).status_code
        if role is None:
            assert status == 401, path
        elif isinstance(role, Role) and action in TABLE[role]:
            assert status not in (401, 403), path
        else:
            assert status == 403, path


def test_faults_are_problems(web: Web, file: Path) -> None:
    client = web.client(**{WHO: "admin"})
    missing = client.get("/api/v1/schedules/none/next")
    assert (missing.status_code, missing.json()["detail"]) == (404, "no schedule 'none' is declared")
    unfit = client.get(f"{NIGHTLY}/next", params={"count": "x"})
    assert unfit.status_code == 422
    assert unfit.json()["faults"][0]["path"] == "query.count"
    for answer in (missing, unfit, client.get("/api/v1/none"), client.put(NIGHTLY)):
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_is_to_come_is_told(web: Web, file: Path) -> None:
    answer = web.client(**{WHO: "viewer"}).get(
        f"{NIGHTLY}/next", params={"count": 2, "from": "2026-01-01T00:00:00Z"}
    )
    assert [row["due"][:16] for row in answer.json()] == ["2026-01-01T02:00", "2026-01-02T02:00"]


def test_an_edit_keeps_comments_and_is_made_once(web: Web, file: Path) -> None:
    client = web.client(**{WHO: "editor"})
    etag = client.get(f"{NIGHTLY}/declaration").headers["ETag"]
    change = {"changes": {"cron": "0 3 * * *"}}
    shown = client.patch(NIGHTLY, params={"dry_run": 1}, json=change)
    assert "+" in shown.json()["diff"] and not shown.json()["written"]
    assert file.read_text() == SCHEDULES
    assert client.patch(NIGHTLY, json=change, headers={"If-Match": etag}).json()["written"]
    with database.engine().connect() as connection:
        (signed,) = read(connection, Query(action="declarations.edited"))
    assert (signed.actor, signed.channel, signed.subject) == ("editor", "rest", "schedule:nightly")
    assert signed.request_id
    assert "0 3 * * *" in file.read_text() and "# kept" in file.read_text()
    late = client.patch(NIGHTLY, json={"changes": {"cron": "0 4 * * *"}}, headers={"If-Match": etag})
    assert late.status_code == 412
    faulty = client.patch(NIGHTLY, json={"changes": {"cron": "61 * * * *"}})
    assert faulty.status_code == 409
    assert "61" in faulty.json()["detail"]
    assert "0 3 * * *" in file.read_text()


def test_a_schedule_is_declared_and_removed(web: Web, file: Path) -> None:
    client = web.client(**{WHO: "editor"})
    new = {"name": "hourly", "entry": {"job": "deploy", "every": "1h"}}
    made = client.post("/api/v1/schedules", json=new)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/schedules/hourly")
    assert "hourly" in file.read_text()
    assert client.post("/api/v1/schedules", json=new).status_code == 409
    assert client.delete("/api/v1/schedules/hourly").json()["written"]
    assert "hourly" not in file.read_text()


@pytest.mark.attack
def test_an_editor_of_one_schedule_edits_no_other(web: Web, file: Path) -> None:
    client = web.client(**{WHO: "of-weekly"})
    change = {"changes": {"cron": "0 3 * * 1"}}
    assert client.patch(NIGHTLY, json=change).status_code == 403
    assert client.patch("/api/v1/schedules/weekly", json=change).status_code == 200
    new = {"name": "other", "entry": {"job": "deploy", "every": "1h"}}
    assert client.post("/api/v1/schedules", json=new).status_code == 403


def test_the_document_describes_the_routes(web: Web, file: Path) -> None:
    document = web.client(**{WHO: "viewer"}).get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "/schedules/{name}/run" in document["paths"]
    assert web.client().get("/api/v1/openapi.json").status_code == 401


def test_a_load_balancer_needs_no_login(web: Web) -> None:
    assert web.client().get("/api/v1/health/live").status_code == 200


def described() -> dict[str, Any]:
    return rest.build(lambda *_: {}).openapi()


NO_JSON = {
    "GET /runs/{run_id}/events",
    "GET /events",
    "GET /runs/{run_id}/artifacts/{path}",
    "GET /runs/{run_id}/output/{stream}",
}
OF_ALL = {"GET /health/live", "GET /health/ready"}


def test_given_the_document_then_every_route_has_a_type_and_a_problem_and_each_change_can_be_tried_out() -> (
    None
):
    document = described()
    found = {
        f"{method.upper()} {plain(path)}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(found) == set(ANSWERS) | NO_JSON
    for name, operation in found.items():
        refused = {status: each["$ref"] for status, each in operation["responses"].items() if status >= "4"}
        assert {"400", "429", "503"} <= set(refused), name
        assert name in OF_ALL or {"401", "403"} <= set(refused), name
        changes = not name.startswith("GET ")
        assert changes == any(each["name"] == "dry_run" for each in operation.get("parameters", ())), name


def test_given_the_document_then_what_it_refers_to_is_there() -> None:
    document = described()
    for kind in ("schemas", "responses"):
        named = set(re.findall(rf'"#/components/{kind}/([^"]+)"', json.dumps(document)))
        assert named <= set(document["components"][kind])
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert {"Problem", "Schedule", "Run", "Task"} <= names

"""Every mutation, permission and route of the installed Dagster, for every role; and what is new is shut."""

from __future__ import annotations

import re
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.workspace.permissions import Permissions
from graphql import parse
from starlette.routing import Mount, Route, WebSocketRoute

from scheduler_defs.access.table import TABLE, Action, admin
from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, Role, TrustedProxy
from scheduler_defs.web.access import permissions
from scheduler_defs.web.access.mutations import MUTATIONS, mutations_of, refusal
from scheduler_defs.web.access.permissions import PERMISSIONS
from scheduler_defs.web.access.routes import Unclassified, needs
from scheduler_defs.web.graphql.fields import MUTATIONS as OWN
from scheduler_defs.web.graphql.fields import mutation_name
from scheduler_defs.web.graphql.resolving import called
from scheduler_defs.web.graphql.schema import build
from tests.standins.web import LAUNCH, Web, posted, serving

pytestmark = pytest.mark.attack

WHO = "X-Forwarded-User"
NOBODYS = frozenset({Permissions.EDIT_APP_MANAGED_COMPONENTS})
"""Features of Dagster+ only."""
GRANTS = (
    *(AccessGrant(who=(role.value,), role=role) for role in Role),
    AccessGrant(who=("of-deploy",), role=Role.OPERATOR, jobs=("dep*",)),
    AccessGrant(who=("of-another",), role=Role.OPERATOR, jobs=("another",)),
    AccessGrant(who=("of-nightly",), role=Role.OPERATOR, schedules=("night*",)),
)
ACCESS = Access(mode=Mode.PROXY, proxy=TrustedProxy(header=WHO, peers=("127.0.0.1",)), grants=GRANTS)
START = """mutation { startSchedule(scheduleSelector: {repositoryLocationName: "yard",
    repositoryName: "__repository__", scheduleName: "nightly"}) { __typename } }"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web"), access=ACCESS) as started:
        yield started


def test_every_mutation_is_classified_and_none_that_is_not_there() -> None:
    schema = build().graphql_schema
    assert schema.mutation_type is not None
    assert set(schema.mutation_type.fields) == set(MUTATIONS)


def test_a_mutation_of_ours_needs_what_its_route_needs() -> None:
    for name, (_, route) in OWN.items():
        assert MUTATIONS[mutation_name(name)] is called(route).needs, name


@pytest.mark.parametrize("role", [*Role, None])
def test_each_role_calls_the_mutations_of_its_actions(web: Web, role: Role | None) -> None:
    client = web.client(**{WHO: role.value if role else "stranger"})
    for name, action in MUTATIONS.items():
        answer = posted(client, f"mutation {{ {name} {{ no_such_field }} }}")
        allowed = role is not None and action in TABLE[role]
        # Whether it is allowed is asked first, whether it makes sense afterwards.
        assert answer.status_code == (400 if allowed else 403), name


def test_a_mutation_that_is_new_is_nobodys() -> None:
    assert refusal(parse("mutation { brandNew }"), admin("root")) == (
        "brandNew is a mutation that no role may call"
    )


def test_mutations_are_found_behind_names_and_fragments() -> None:
    document = parse(
        "query A { x } mutation B { a: deleteRun ...F ... on Mutation { wipeAssets } } "
        "fragment F on Mutation { ...G } fragment G on Mutation { ...F reloadWorkspace }"
    )
    assert set(mutations_of(document)) == {"deleteRun", "reloadWorkspace", "wipeAssets"}


def test_every_permission_is_classified() -> None:
    assert set(Permissions) == set(PERMISSIONS) | NOBODYS
    assert not set(PERMISSIONS) & NOBODYS


@pytest.mark.parametrize("role", Role)
def test_dagsters_ui_is_told_what_each_role_may_do_and_why_not(web: Web, role: Role) -> None:
    query = "{ permissions { permission value disabledReason } }"
    answer = posted(web.client(**{WHO: role.value}), query).json()["data"]["permissions"]
    assert {item["permission"] for item in answer} == set(Permissions)
    for item in answer:
        action = PERMISSIONS.get(item["permission"])
        assert item["value"] is (action in TABLE[role])
        assert bool(item["disabledReason"]) is not item["value"]


def test_a_permission_that_is_new_is_denied(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(permissions.VIEWER_PERMISSIONS, "brand_new", True)
    query = "{ permissions { permission value } }"
    answer = posted(web.client(**{WHO: "admin"}), query).json()["data"]["permissions"]
    assert {item["permission"]: item["value"] for item in answer}["brand_new"] is False


def routes(web: Web) -> list[Route | WebSocketRoute | Mount]:
    return [item for item in web.server.build_routes() if isinstance(item, Route | WebSocketRoute | Mount)]


def test_every_route_is_classified(web: Web) -> None:
    for route in web.server.build_routes():
        needs(route)
    with pytest.raises(Unclassified):
        needs(Route("/brand_new", lambda _: None))


@pytest.mark.parametrize("role", [*Role, "stranger", None])
def test_each_role_reaches_the_routes_of_its_actions(web: Web, role: Role | str | None) -> None:
    client = web.client(**({WHO: str(role)} if role else {}))
    for route in routes(web):
        action = needs(route)
        if isinstance(route, WebSocketRoute) or action is None:
            continue
        path = re.sub(r"\{\w+:?\w*\}", "x", route.path)
        method = "POST" if isinstance(route, Route) and route.methods == {"POST"} else "GET"
        status = client.request(method, path).status_code
        if role is None:
            assert status == 401, route.path
        elif isinstance(role, Role) and action in TABLE[role]:
            assert status not in (401, 403), route.path
        else:
            assert status == 403, route.path


@pytest.mark.parametrize(
    ("who", "document", "answer"),
    [
        ("of-deploy", LAUNCH, "LaunchRunSuccess"),
        ("of-another", LAUNCH, "UnauthorizedError"),
        ("of-nightly", LAUNCH, "UnauthorizedError"),
        ("of-nightly", START, "ScheduleStateResult"),
        ("of-another", START, "UnauthorizedError"),
    ],
)
def test_a_role_over_some_things_is_none_over_others(web: Web, who: str, document: str, answer: str) -> None:
    found = posted(web.client(**{WHO: who}), document).json()["data"]
    assert next(iter(found.values()))["__typename"] == answer


def test_only_the_proxy_is_believed(web: Web) -> None:
    assert posted(web.client(address="192.0.2.9", **{WHO: "admin"}), "{ version }").status_code == 401
    twice = web.client()
    twice.headers = type(twice.headers)([*twice.headers.raw, (WHO, "viewer"), (WHO, "admin")])
    assert posted(twice, "{ version }").status_code == 401
    assert posted(web.client(**{WHO: "token:admin"}), "{ version }").status_code == 401


def test_a_websocket_needs_a_role(web: Web) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), web.socket(**{WHO: "stranger"}):
        pass
    with web.socket(**{WHO: "viewer"}) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"


def test_who_launches_is_what_his_request_says_of_him(web: Web) -> None:
    from starlette.requests import HTTPConnection

    scope = {"type": "http", "headers": [], "signalbox.principal": admin("ann")}
    with web.server.request_context(HTTPConnection(scope)) as context:
        assert context.get_viewer_tags() == {"signalbox/actor": "ann"}


@pytest.mark.parametrize(
    ("name", "said"),
    [("ann", "ann"), ("Ann Smith <ann@x.org>", "Ann_Smith__ann_x.org_"), ("\u00e9" * 80, "_" * 63)],
)
def test_whoever_reports_an_asset_is_named_as_dagster_takes_it_there(web: Web, name: str, said: str) -> None:
    from starlette.requests import HTTPConnection

    scope = {"type": "http", "headers": [], "signalbox.principal": admin(name)}
    with web.server.request_context(HTTPConnection(scope)) as context:
        reported = dg.AssetMaterialization("sales", tags=context.get_reporting_user_tags())
    assert reported.tags == {"signalbox/actor": said}


def test_actions_are_all_in_the_table() -> None:
    assert set().union(*TABLE.values()) == set(Action)

"""MCP at `/mcp`, spoken to by the package's own client: tools are routes, with their rules and short answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from scheduler_defs import database
from scheduler_defs.audit.store import Query, read
from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, Role, TrustedProxy
from scheduler_defs.web.mcp.calling import MOST_CHARACTERS, Reply, fault, order, text
from scheduler_defs.web.mcp.schemas import signature
from scheduler_defs.web.mcp.tools import TOOLS, Effect
from scheduler_defs.web.rest import app as rest
from tests.standins.web import UI, Web, serving

WHO = "X-Forwarded-User"
ACCESS = Access(
    mode=Mode.PROXY,
    proxy=TrustedProxy(header=WHO, peers=("127.0.0.1",)),
    grants=(
        *(AccessGrant(who=(role.value,), role=role) for role in Role),
        AccessGrant(who=("of-dev",), role=Role.OPERATOR, queues=("dev",)),
    ),
)
YARD = """
schedules:
  nightly: {job: deploy, cron: "0 2 * * *"}
jobs:
  deploy: {command: [echo, hello]}
agents:
  vaela: {queue: dev, limit: 2, command: [echo, hello]}
"""
_Found = TypeVar("_Found")


@pytest.fixture
def web(tmp_path: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "yard.yaml").write_text(YARD)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", migrated_url)
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web", access=ACCESS) as started:
        yield started


def http(web: Web, **headers: str) -> httpx2.AsyncClient:
    app = web.server.create_asgi_app()
    transport = httpx2.ASGITransport(app, client=("127.0.0.1", 50000))
    return httpx2.AsyncClient(transport=transport, base_url=UI, headers=headers)


def talk(web: Web, scenario: Callable[[Client], Awaitable[_Found]], who: str = "operator") -> _Found:
    """The scenario, with a client that has connected as somebody."""

    async def go() -> _Found:
        async with http(web, **{WHO: who}) as connection:
            transport = streamable_http_client(f"{UI}/mcp", http_client=connection)
            async with Client(transport) as client:
                return await scenario(client)

    return asyncio.run(go())


def said(result: CallToolResult) -> Any:
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


def refused(result: CallToolResult) -> str:
    assert result.is_error, result.content
    return str(result.content[0].text)


def test_given_a_client_then_every_tool_says_what_it_takes_and_does(web: Web) -> None:
    async def scenario(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in talk(web, scenario, "viewer")}
    assert set(tools) == set(TOOLS)
    for name, tool in tools.items():
        assert tool.description and tool.annotations is not None
        assert tool.input_schema["type"] == "object"
        assert tool.annotations.read_only_hint is (TOOLS[name].effect is Effect.LOOK)
    assert tools["cancel_run"].annotations.destructive_hint is True
    assert tools["pause_schedule"].annotations.destructive_hint is False
    assert tools["claim_task"].input_schema["required"] == ["task_id", "agent"]
    assert len(json.dumps([tool.model_dump(exclude_none=True) for tool in tools.values()])) < 25_600


@pytest.mark.attack
def test_given_a_viewer_then_he_looks_and_acts_on_nothing(web: Web) -> None:
    async def scenario(client: Client) -> list[CallToolResult]:
        return [
            await client.call_tool("list_jobs", {}),
            await client.call_tool("run_job", {"name": "deploy"}),
            await client.call_tool("add_schedule", {"name": "x", "entry": {}}),
            await client.call_tool("add_task", {"title": "x", "queue": "dev"}),
        ]

    jobs, *others = talk(web, scenario, "viewer")
    assert "deploy" in {job["name"] for job in said(jobs)}
    needed = ("run needs the role operator", "edit needs the role editor", "steer needs the role operator")
    for result, why in zip(others, needed, strict=True):
        assert why in refused(result)
    assert web.runs() == 0


def test_given_an_operator_when_he_tries_a_schedule_then_it_would_be_launched_in_his_name(web: Web) -> None:
    async def scenario(client: Client) -> Any:
        given = {"name": "nightly", "reason": "to see", "dry_run": True}
        return said(await client.call_tool("run_schedule", given))

    tags = talk(web, scenario)["tags"]
    assert (tags["signalbox/actor"], tags["signalbox/reason"]) == ("operator", "to see")
    assert web.runs() == 0


def test_given_an_editor_then_a_schedule_is_tried_before_it_is_written(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "config" / "yard.yaml"

    async def scenario(client: Client) -> tuple[Any, bool, Any, str]:
        wanted = {"name": "often", "entry": {"job": "deploy", "every": "10m"}}
        tried = said(await client.call_tool("add_schedule", {**wanted, "dry_run": True}))
        untouched = "often" not in file.read_text()
        added = said(await client.call_tool("add_schedule", wanted))
        wrong = await client.call_tool(
            "add_schedule", {"name": "bad", "entry": {"job": "none", "every": "1m"}}
        )
        return tried, untouched, added, refused(wrong)

    tried, untouched, _, wrong = talk(web, scenario, "editor")
    assert "often" in tried["diff"] and untouched
    assert "often" in "".join(each.read_text() for each in (tmp_path / "config").glob("*.yaml"))
    assert "there is no job 'none'" in wrong


def test_given_an_agent_from_outside_then_it_works_on_a_task_with_its_lease(web: Web) -> None:
    async def scenario(client: Client) -> dict[str, Any]:
        async def call(tool: str, /, **given: Any) -> Any:
            return said(await client.call_tool(tool, given))

        nothing = await call("next_task", name="vaela")
        added = await call("add_task", title="fix it", queue="dev")
        coming = await call("next_task", name="vaela")
        claimed = await call("claim_task", task_id=added["id"], agent="vaela")
        mine = {"task_id": added["id"], "lease": claimed["lease"]}
        await call("heartbeat", **mine)
        await call("comment_task", **mine, text="half of it")
        child = await call("add_subtask", **mine, title="test it")
        stolen = await client.call_tool("complete_task", {"task_id": added["id"], "lease": "stolen"})
        done = await call("complete_task", **mine, result={"ok": True})
        late = await client.call_tool("heartbeat", mine)
        asked = await call("claim_task", task_id=child["id"], agent="vaela")
        waits = await call("ask_human", task_id=child["id"], lease=asked["lease"], question="which branch?")
        return {
            "nothing": nothing,
            "next": coming["task"]["id"] == added["id"],
            "done": done["status"],
            "parent": (await call("show_task", task_id=child["id"]))["parent"] == added["id"],
            "waits": waits["status"],
            "refused": [refused(stolen), refused(late)],
        }

    found = talk(web, scenario, "of-dev")
    assert "task" not in found["nothing"]
    assert (found["next"], found["done"], found["parent"]) == (True, "complete", True)
    assert found["waits"] == "waiting_for_human"
    assert all("lease" in why for why in found["refused"])


@pytest.mark.attack
def test_given_somebody_of_another_queue_then_he_gets_no_task(web: Web) -> None:
    async def scenario(client: Client) -> str:
        return refused(await client.call_tool("add_task", {"title": "x", "queue": "qa"}))

    assert "steer needs the role operator for queue qa" in talk(web, scenario, "of-dev")


def test_given_a_change_then_the_audit_names_the_door(web: Web) -> None:
    async def scenario(client: Client) -> None:
        said(await client.call_tool("pause_schedule", {"name": "nightly", "reason": "work"}))

    talk(web, scenario)
    with database.engine().connect() as connection:
        (entry,) = read(connection, Query(action="schedule.paused"))
    assert (entry.actor, entry.channel) == ("operator", "mcp")


@pytest.mark.attack
@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({}, "POST", 401),
        ({WHO: "nobody-known"}, "POST", 403),
        ({WHO: "admin", "Origin": "https://evil.example"}, "POST", 403),
        ({WHO: "admin", "Sec-Fetch-Site": "cross-site"}, "POST", 403),
        ({WHO: "admin", "Host": "evil.example"}, "POST", 421),
        ({WHO: "admin", "Content-Type": "text/plain"}, "POST", 415),
        ({WHO: "admin"}, "GET", 405),
        ({WHO: "admin"}, "DELETE", 405),
    ],
)
def test_given_a_stranger_or_a_page_elsewhere_then_the_door_is_shut(
    web: Web, headers: dict[str, str], method: str, status: int
) -> None:
    async def go() -> int:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        own = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        async with http(web) as client:
            sent = await client.request(
                method,
                "/mcp",
                headers={**own, **headers},
                content=json.dumps(body) if method == "POST" else None,
            )
            return sent.status_code

    assert asyncio.run(go()) == status


def test_given_the_api_then_each_tool_has_its_route_and_takes_what_that_takes() -> None:
    document = rest.build(lambda *_: {}).openapi()
    for tool in TOOLS.values():
        known = signature(tool, document)
        assert known.description, tool.name
        assert {f"{{{name}}}" for name, place in known.places.items() if place == "path"} == {
            part for part in tool.path.split("/") if part.startswith("{")
        }
        assert "$ref" not in json.dumps(known.schema)


def test_given_arguments_that_do_not_fit_then_they_are_named() -> None:
    tool = TOOLS["run_schedule"]
    known = signature(tool, rest.build(lambda *_: {}).openapi())
    with pytest.raises(ValueError, match="run_schedule takes no 'nam'; allowed are name, dry_run"):
        order(tool, known, {"nam": "nightly"})
    with pytest.raises(ValueError, match="run_schedule needs name"):
        order(tool, known, {"force": True})
    wanted = order(tool, known, {"name": "a/../b", "dry_run": True, "reason": "why"})
    assert (wanted.path, wanted.query, wanted.body) == (
        "/schedules/a%2F..%2Fb/run",
        {"dry_run": "true"},
        {"reason": "why"},
    )


def test_given_a_long_answer_then_it_is_cut_and_says_so() -> None:
    rows = [{"id": number, "text": "x" * 100, "nothing": None} for number in range(1000)]
    short = text({"items": rows, "next": None})
    found = json.loads(short)
    assert len(short) <= MOST_CHARACTERS
    assert len(found["items"]) + found["left_out"] == 1000
    assert "nothing" not in short
    assert text("y" * 50_000).endswith("(cut: ask for less)")


def test_given_a_problem_then_its_faults_are_in_the_line() -> None:
    problem = {
        "detail": "the request does not fit",
        "faults": [{"path": "query.limit", "message": "too many"}],
    }
    assert fault(Reply(422, problem)) == "the request does not fit: query.limit: too many"
    assert fault(Reply(502, "<html>")) == "the API answered 502"


def test_given_the_command_then_nothing_of_mcp_is_loaded_before_it_is_asked_for() -> None:
    import subprocess
    import sys

    script = (
        "import sys; import scheduler_defs.web.server, scheduler_defs.cli.main; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'mcp', 'mcp_types'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

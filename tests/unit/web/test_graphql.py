"""Our own fields in Dagster's GraphQL: the API's rules, roles and answers, and the audit knows of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler_defs import database
from scheduler_defs.audit.store import Query, read
from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, Role, TrustedProxy
from tests.conftest import fresh_database
from tests.standins.web import Web, posted
from tests.standins.yard_web import serving_yard

WHO = "X-Forwarded-User"
DOCS = Path(__file__).parents[3] / "docs" / "api.md"
YARD = """
jobs:
  deploy: {command: [echo, hello], approve: {who: [operator]}}
schedules:
  nightly: {job: deploy, cron: "0 2 * * *"}
  weekly: {job: deploy, cron: "0 2 * * 1"}
agents:
  builder: {command: [echo], queues: [dev]}
"""
ACCESS = Access(
    mode=Mode.PROXY,
    proxy=TrustedProxy(header=WHO, peers=("127.0.0.1",)),
    grants=(
        *(AccessGrant(who=(role.value,), role=role) for role in Role),
        AccessGrant(who=("of-weekly",), role=Role.OPERATOR, schedules=("weekly",)),
    ),
)


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: str, dagster_template: str
) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("yard")
    (folder / "config").mkdir()
    (folder / "config" / "yard.yaml").write_text(YARD)
    with fresh_database(postgres_server, dagster_template) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNALBOX_CONFIG", str(folder / "config"))
        patch.setenv("SIGNALBOX_STATE", str(folder / "state"))
        patch.setenv("SIGNALBOX_POSTGRES_URL", url)
        with serving_yard(folder, url, ACCESS) as started:
            yield started
        database.engine(url).dispose()


def asked(web: Web, who: str, document: str) -> Any:
    return posted(web.client(**{WHO: who}), document)


def found(web: Web, document: str) -> Any:
    answer = asked(web, "viewer", document)
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]["signalbox"]


def test_given_the_examples_of_the_docs_then_they_do_what_is_said(web: Web) -> None:
    change, look = re.findall(r"```graphql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    done = asked(web, "operator", change).json()["data"]
    assert done["signalboxPauseSchedule"] == {"state": "paused", "changed": True}
    task = done["signalboxAddTask"]
    seen = found(web, look)
    assert seen["schedule"]["pausedReason"] == "the database is being moved"
    assert [(each["id"], each["json"]["priority"]) for each in seen["tasks"]["items"]] == [(task["id"], 5)]
    assert seen["why"]["because"]
    with database.engine().connect() as connection:
        (paused,) = read(connection, Query(action="schedule.paused"))
    assert (paused.actor, paused.channel, paused.subject) == ("operator", "graphql", "schedule:nightly")


@pytest.mark.attack
def test_given_a_run_that_waits_when_somebody_agrees_then_he_must_be_named(web: Web) -> None:
    operator = web.client(**{WHO: "operator"})
    operator.post("/api/v1/jobs/deploy/runs")
    waiting = found(web, "{ signalbox { approvals { id subject needs given } } }")["approvals"][0]
    agree = f"mutation {{ signalboxApprove(approval: {waiting['id']}) {{ given json }} }}"
    refused = asked(web, "admin", agree).json()["errors"][0]
    assert refused["extensions"] == {"code": "FORBIDDEN"}
    agreed = asked(web, "operator", agree).json()["data"]["signalboxApprove"]
    assert (agreed["given"], agreed["json"]["state"]) == (1, "approved")


@pytest.mark.attack
def test_given_a_role_that_is_bounded_then_it_is_here_too(web: Web) -> None:
    pause = 'mutation {{ signalboxPauseSchedule(name: "{}", dryRun: true) {{ changed }} }}'
    assert asked(web, "of-weekly", pause.format("weekly")).json()["data"]
    refused = asked(web, "of-weekly", pause.format("nightly"))
    assert refused.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert asked(web, "viewer", pause.format("weekly")).status_code == 403


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        ("mutation { signalboxCancelTask(taskId: 999) { id } }", "NOT_FOUND", "no task 999"),
        (
            'mutation { signalboxPauseSchedule(name: "none") { state } }',
            "NOT_FOUND",
            "no schedule 'none' is declared",
        ),
        (
            'mutation { signalboxAddTask(title: "x", queue: "no queue") { id } }',
            "INVALID",
            "queue: Value error",
        ),
        (
            'mutation { signalboxPauseSchedule(name: "weekly", until: "2020-01-01T00:00:00Z") { state } }',
            "INVALID",
            "which is over",
        ),
        ("mutation { signalboxCancelTask(taskId: 0) { id } }", "INVALID", "greater than or equal to 1"),
        ('{ signalbox { why(subject: "nonsense:1") { state } } }', "CONFLICT", "nonsense:1"),
    ],
)
def test_given_what_cannot_be_done_then_one_line_says_why(
    web: Web, document: str, code: str, said: str
) -> None:
    answer = asked(web, "admin", document)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]) == (400, {"code": code})
    assert said in error["message"] and "\n" not in error["message"]


def test_given_agents_and_their_queue_then_both_can_be_seen_and_paused(web: Web) -> None:
    pause = 'mutation { signalboxPauseAgent(name: "builder", reason: "too hot") { name state changed } }'
    done = asked(web, "operator", pause).json()["data"]["signalboxPauseAgent"]
    assert done == {"name": "builder", "state": "paused", "changed": True}
    seen = found(
        web, '{ signalbox { agents { name state } agent(name: "builder") { json } queues { queue } } }'
    )
    assert seen["agents"] == [{"name": "builder", "state": "paused"}]
    assert seen["queues"][0]["queue"] == "dev"

"""The API by its own document: a job is run, and every answer is what the document says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.running_stack import Stack, until
from tests.standins.described_api import DescribedApi

LISTS = (
    "/health",
    "/health/live",
    "/health/ready",
    "/capabilities",
    "/schedules",
    "/jobs",
    "/runs",
    "/tasks",
    "/agents",
    "/queues",
    "/limits",
    "/quotas",
    "/budgets",
    "/forecast",
    "/prove",
    "/audit",
    "/audit/verify",
    "/inbox",
    "/approvals",
)


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[DescribedApi]:
    with httpx.Client(base_url=stack.ui, trust_env=False, timeout=60) as client:
        yield DescribedApi(client, client.get("/api/v1/openapi.json").json())


def test_given_the_document_alone_when_a_job_is_run_then_it_ends_well_and_all_answers_fit(
    api: DescribedApi,
) -> None:
    asked = {"reason": "by the document"}
    would = api.call("POST /jobs/{name}/runs", asked, name="heartbeat", dry_run=True)
    assert would["job"] == "heartbeat"
    run_id = api.call("POST /jobs/{name}/runs", asked, name="heartbeat")["run_id"]
    until(lambda: api.call("GET /runs/{run_id}", run_id=run_id)["status"] == "SUCCESS", "success")
    assert api.call("GET /runs/{run_id}/result", run_id=run_id)["status"] == "SUCCESS"
    api.call("GET /runs/{run_id}/artifacts", run_id=run_id)
    again = api.call("POST /runs/{run_id}/retry", run_id=run_id, dry_run=True)
    assert again == {"run_id": run_id, "status": "SUCCESS"}
    assert api.call("POST /runs/{run_id}/cancel", run_id=run_id)["status"] == 409
    assert api.call("GET /runs/{run_id}", run_id="none")["title"] == "Not Found"


def test_given_the_yard_when_it_is_listed_then_each_list_is_as_the_document_says(api: DescribedApi) -> None:
    for path in LISTS:
        api.call(f"GET {path}")
    for path in ("", "/next", "/history", "/declaration"):
        api.call(f"GET /schedules/{{name}}{path}", name="heartbeat")
    api.call("GET /why/{subject}", subject="schedule:heartbeat")


def test_given_dry_runs_when_they_are_asked_for_then_they_say_what_would_be_and_change_nothing(
    api: DescribedApi,
) -> None:
    new = {"title": "only asked about", "queue": f"resting-{uuid.uuid4().hex[:8]}"}
    task = api.call("POST /tasks", new)
    try:
        key = task["id"]
        before = api.call("GET /tasks/{task_id}", task_id=key)
        said = {
            "comment": ({"text": "hello"}, "idle"),
            "block": ({"blocker": key}, "idle"),
            "unblock": (None, "idle"),
            "answer": ({"text": "yes"}, "idle"),
            "complete": ({"result": 1}, "complete"),
            "fail": ({"reason": "no"}, "failed"),
            "requeue": (None, "idle"),
            "cancel": (None, "canceled"),
        }
        for step, (body, status) in said.items():
            would = api.call(f"POST /tasks/{{task_id}}/{step}", body, task_id=key, dry_run=True)
            assert would["status"] == status, step
        api.call("POST /tasks/{task_id}/subtasks", {"title": "below"}, task_id=key, dry_run=True)
        assert api.call("GET /tasks/{task_id}", task_id=key) == before
        for verb, state, changes in (
            ("pause", "paused", True),
            ("resume", "on", False),
            ("disable", "off", True),
            ("enable", "on", False),
        ):
            would = api.call(f"POST /schedules/{{name}}/{verb}", name="heartbeat", dry_run=True)
            assert would == {"name": "heartbeat", "state": state, "changed": changes}
        agent = api.call("GET /agents")[0]
        for verb in ("pause", "drain"):
            assert api.call(f"POST /agents/{{name}}/{verb}", name=agent["name"], dry_run=True)["changed"]
        api.call("POST /inbox/put_off", {"id": "none"}, dry_run=True)
        assert api.call("GET /agents")[0]["state"] == agent["state"]
        assert api.call("GET /schedules/{name}", name="heartbeat")["state"] == "on"
    finally:
        api.call("POST /tasks/{task_id}/cancel", task_id=task["id"])

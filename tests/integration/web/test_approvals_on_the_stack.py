"""Runs that wait for people, on the session's stack: asked for here, decided through every door."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from scheduler_defs.graphql.client import GraphQLClient
from tests.integration.running_stack import Stack, until
from tests.integration.web.test_materializing import MATERIALIZE

GUARDED = """
jobs:
  guarded: {command: [echo, done], approve: {within: 1h}}
  staged:
    steps:
      build: {command: [echo, built]}
      ship: {command: [echo, shipped], needs: [build], approve: yes}
      tell: {command: [echo, told], needs: [ship]}
  first:
    steps:
      ship: {command: [echo, shipped], approve: yes}
      tell: {command: [echo, told], needs: [ship]}
  making:
    steps:
      pick: {command: [echo, apples], assets: {orchard/apples: }}
      press: {command: [echo, juice], needs: [pick], approve: yes, assets: {orchard/juice: {deps: [orchard/apples]}}}
"""


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.ui}/api/v1", trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def guarded(stack: Stack) -> Iterator[None]:
    file = stack.config / "guarded.yaml"
    file.write_text(GUARDED)
    try:
        until(lambda: stack.run("jobs", "launch", "guarded", "--dry-run", check=False).returncode == 0, "job")
        yield
    finally:
        file.unlink()


def launched(stack: Stack, job: str = "guarded") -> str:
    """A run of the guarded job; the code server may still be loading the declarations."""
    done = until(
        lambda: (found := stack.run("jobs", "launch", job, "--json", check=False)).returncode == 0 and found,
        "launch",
    )
    return json.loads(done.stdout)["run_id"]


def waiting(stack: Stack, run_id: str) -> dict[str, Any]:
    found = [each for each in stack.json("approvals", "list") if each["run_id"] == run_id]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.usefixtures("guarded")
def test_a_guarded_run_waits_is_seen_everywhere_and_runs_when_it_is_approved(
    stack: Stack, api: httpx.Client
) -> None:
    run_id = launched(stack)
    approval = waiting(stack, run_id)
    assert approval["requested_by"] == getpass.getuser()
    assert [each["id"] for each in api.get("/approvals").json() if each["run_id"] == run_id] == [
        approval["id"]
    ]
    entry = next(each for each in stack.json("inbox") if each["subject"] == f"run:{run_id}")
    assert (entry["kind"], entry["id"]) == ("approval", f"approval:{approval['id']}")
    why = stack.json("why", run_id)
    assert (why["state"], why["because"][0]["code"]) == ("QUEUED", "waits_approval")
    answer = api.post(f"/approvals/{approval['id']}/approve")
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    until(lambda: api.get(f"/runs/{run_id}").json()["status"] == "SUCCESS", "success")
    assert api.post(f"/approvals/{approval['id']}/deny", json={"reason": "late"}).status_code == 409
    assert api.post("/approvals/999999/approve").status_code == 404
    assert api.post(f"/approvals/{approval['id']}/deny", json={"reason": " "}).status_code == 422
    (entry,) = stack.json("audit", "list", "--action", "approval.decided", "--subject", f"run:{run_id}")
    assert (entry["actor"], entry["channel"]) == (getpass.getuser(), "rest")


@pytest.mark.usefixtures("guarded")
def test_a_guarded_run_that_is_denied_ends_cancelled_with_the_reason(stack: Stack) -> None:
    run_id = launched(stack)
    stack.run("approvals", "deny", str(waiting(stack, run_id)["id"]), "--reason", "not today")
    run = until(
        lambda: (found := stack.json("runs", "show", run_id))["status"] == "CANCELED" and found, "the end"
    )
    assert run["error"] == f"denied by {getpass.getuser()}: not today"
    assert stack.json("why", run_id)["because"][0]["text"] == run["error"]


@pytest.mark.usefixtures("guarded")
def test_a_step_that_is_agreed_to_is_done_by_another_run_which_waits_without_a_slot(
    stack: Stack, api: httpx.Client
) -> None:
    first = launched(stack, "staged")
    until(lambda: api.get(f"/runs/{first}").json()["status"] == "SUCCESS", "the steps before")
    approval = until(
        lambda: next((each for each in api.get("/approvals").json() if each["name"] == "staged/ship"), None),
        "the run that goes on",
    )
    second = approval["run_id"]
    assert api.get(f"/runs/{second}").json()["status"] == "QUEUED"
    assert stack.json("why", second)["because"][0]["code"] == "waits_approval"
    assert all(
        each["in_use"] == 0 for each in api.get("/limits").json() if each["value"] in ("runs", "steps")
    )
    assert api.get(f"/runs/{first}/output/stdout").text.split() == ["built"]
    api.post(f"/approvals/{approval['id']}/approve")
    until(lambda: api.get(f"/runs/{second}").json()["status"] == "SUCCESS", "the steps after")
    assert api.get(f"/runs/{second}/output/stdout").text.split() == ["shipped", "told"]
    following = [each["run_id"] for each in api.get("/runs", params={"job": "staged"}).json()["items"]]
    assert following == [second, first]


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize(
    ("job", "step", "printed"),
    [("first", "ship", ["shipped", "told"]), ("making", "press", ["apples", "juice"])],
)
def test_a_run_is_held_before_it_starts_for_a_first_step_and_for_one_of_steps_that_make_assets(
    stack: Stack, api: httpx.Client, job: str, step: str, printed: list[str]
) -> None:
    run_id = launched(stack, job)
    approval = waiting(stack, run_id)
    assert (approval["kind"], approval["name"]) == ("step", f"{job}/{step}")
    assert stack.json("why", run_id)["because"][0]["code"] == "waits_approval"
    api.post(f"/approvals/{approval['id']}/approve")
    until(lambda: api.get(f"/runs/{run_id}").json()["status"] == "SUCCESS", "the end")
    assert api.get(f"/runs/{run_id}/output/stdout").text.split() == printed
    assert len(api.get("/runs", params={"job": job}).json()["items"]) == 1


@pytest.mark.usefixtures("guarded")
def test_assets_that_are_materialised_by_themselves_wait_as_their_job_does(stack: Stack) -> None:
    selector = {
        "repositoryLocationName": "signalbox",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": ["orchard", "apples"]}, {"path": ["orchard", "juice"]}],
        "assetCheckSelection": [],
    }
    execution = {"mode": "default", "executionMetadata": {"tags": []}, "runConfigData": "{}"}
    asked = {"query": MATERIALIZE, "variables": {"executionParams": {**execution, "selector": selector}}}
    done: Any = until(
        lambda: (
            (found := GraphQLClient(stack.ui).answer(asked)["data"]["launchPipelineExecution"])["__typename"]
            == "LaunchRunSuccess"
            and found
        ),
        "launch",
    )
    run_id = done["run"]["runId"]
    assert waiting(stack, run_id)["name"] == "making/press"
    stack.run("runs", "cancel", run_id)

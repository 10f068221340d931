"""The API acts as the command does, on the session's stack (mode local)."""

from __future__ import annotations

import getpass
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.running_stack import Stack, until


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.ui}/api/v1", trust_env=False, timeout=60) as client:
        yield client


def test_a_submitted_job_runs_and_says_who_asked(api: httpx.Client, stack: Stack) -> None:
    answer = api.post("/jobs/heartbeat/runs", json={"reason": "to see"})
    assert answer.status_code == 202, answer.text
    place = answer.headers["Location"].removeprefix("/api/v1")
    run = until(lambda: (found := api.get(place).json())["status"] == "SUCCESS" and found, "success")
    assert (run["trigger"], run["actor"], run["reason"]) == ("api", getpass.getuser(), "to see")
    assert api.post(f"{place}/cancel").status_code == 409
    assert stack.json("runs", "show", run["run_id"]).items() >= run.items()
    assert api.post("/jobs/none/runs").status_code == 404


def test_a_schedule_is_run_paused_and_switched(api: httpx.Client, stack: Stack) -> None:
    assert api.post("/schedules/heartbeat/run", json={"force": True}).status_code == 202
    assert api.get("/schedules/heartbeat/history", params={"limit": 3}).status_code == 200
    assert api.post("/schedules/heartbeat/pause", json={"reason": "work"}).json()["changed"]
    assert api.get("/schedules/heartbeat").json()["paused_reason"] == "work"
    assert api.post("/schedules/heartbeat/resume").json()["state"] == "on"
    assert api.post("/schedules/heartbeat/disable").json() == {
        "name": "heartbeat",
        "state": "off",
        "changed": True,
    }
    assert api.post("/schedules/heartbeat/enable").json()["state"] == "on"
    entries = stack.json("audit", "list")
    paused = next(each for each in entries if each["action"] == "schedule.paused")
    assert (paused["actor"], paused["channel"]) == (getpass.getuser(), "rest")


def test_pages_of_a_list_are_the_list(api: httpx.Client) -> None:
    whole = [each["name"] for each in api.get("/schedules").json()["items"]]
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = api.get("/schedules", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [each["name"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == whole and len(whole) > 2
    newest = [each["run_id"] for each in api.get("/runs", params={"limit": 2}).json()["items"]]
    first = api.get("/runs", params={"limit": 1}).json()
    second = api.get("/runs", params={"limit": 1, "cursor": first["next"]}).json()
    assert len({first["items"][0]["run_id"], second["items"][0]["run_id"]}) == 2
    assert len(newest) == 2

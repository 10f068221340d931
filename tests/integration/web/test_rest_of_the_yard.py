"""Tasks, agents, files and records through the API, on the session's stack: as the command shows them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.running_stack import Stack, until


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.ui}/api/v1", trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def resting(stack: Stack, api: httpx.Client) -> Iterator[str]:
    """A queue that nobody serves: its tasks stay as they are."""
    yield f"rest-{uuid.uuid4().hex[:8]}"


def added(api: httpx.Client, queue: str, title: str = "to do", **fields: Any) -> dict[str, Any]:
    answer = api.post("/tasks", json={"title": title, "queue": queue, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1/tasks/{answer.json()['id']}"
    return answer.json()


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/agents", ("agents", "list")),
        ("/queues", ("queues",)),
        ("/limits", ("limits",)),
        ("/quotas", ("quotas",)),
        ("/budgets", ("budgets",)),
        ("/why/queue:dev", ("why", "queue:dev")),
        ("/why/schedule:heartbeat", ("why", "schedule:heartbeat")),
    ],
)
def test_what_is_read_is_what_the_command_shows(
    api: httpx.Client, stack: Stack, path: str, command: tuple[str, ...]
) -> None:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    shown = stack.json(*command)
    if isinstance(shown, list):
        assert [set(row) for row in answer.json()] == [set(row) for row in shown]
    else:
        assert set(answer.json()) == set(shown)


def test_the_forecast_the_proof_and_the_capabilities_are_told(api: httpx.Client) -> None:
    forecast = api.get("/forecast", params={"to": "2h"}).json()
    assert forecast["runs"] and forecast["schedules"]
    assert api.get("/forecast", params={"to": "never"}).status_code == 422
    assert {"ok", "due", "accounted", "problems"} <= set(api.get("/prove").json())
    wrong = {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert api.get("/prove", params=wrong).status_code == 422
    found = api.get("/capabilities").json()
    assert {"version", "limits", "queues", "agents", "features"} <= set(found)
    assert api.get("/why/nonsense:1").status_code == 409


def test_a_task_is_added_changed_blocked_and_cancelled(api: httpx.Client, stack: Stack, resting: str) -> None:
    shown = api.post("/tasks", params={"dry_run": 1}, json={"title": "x", "queue": resting})
    assert (shown.status_code, api.get("/tasks", params={"queue": resting}).json()["items"]) == (200, [])
    first, second = added(api, resting), added(api, resting, priority=2)
    assert set(first) == set(stack.json("tasks", "list", "--queue", resting)[0])
    place = f"/tasks/{second['id']}"
    etag = api.get(place).headers["ETag"]
    assert api.patch(place, json={"title": "new"}, headers={"If-Match": etag}).json()["title"] == "new"
    assert api.patch(place, json={"title": "late"}, headers={"If-Match": etag}).status_code == 412
    assert api.post(f"{place}/block", json={"blocker": first["id"]}).json()["blocked_by"] == [first["id"]]
    ring = api.post(f"/tasks/{first['id']}/block", json={"blocker": second["id"]})
    assert ring.status_code == 409
    assert api.post(f"{place}/unblock", json={}).json()["blocked"] is False
    assert api.post(f"{place}/comment", json={"text": "look"}).status_code == 200
    assert api.get(place).json()["comments"][-1]["content"] == "look"
    assert api.post(f"{place}/cancel", json={"reason": "no"}).json()["status"] == "canceled"
    assert api.post(f"{place}/requeue").json()["status"] == "idle"
    assert api.post(f"{place}/fail", json={"reason": "gone"}).json()["status"] == "failed"
    waiting = [row["subject"] for row in api.get("/inbox").json()]
    assert f"task:{second['id']}" in waiting
    entry = next(row for row in api.get("/inbox").json() if row["subject"] == f"task:{second['id']}")
    assert api.post("/inbox/put_off", json={"id": entry["id"]}).status_code == 200
    assert f"task:{second['id']}" not in [row["subject"] for row in stack.json("inbox")]
    assert api.get("/tasks/999999999").status_code == 404
    assert api.post("/tasks", json={"title": "x", "queue": resting, "nonsense": 1}).status_code == 422


def test_pages_of_tasks_are_the_list(api: httpx.Client, resting: str) -> None:
    ids = [added(api, resting, title)["id"] for title in "abc"]
    found: list[int] = []
    cursor: str | None = None
    while True:
        params = {"queue": resting, "limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = api.get("/tasks", params=params).json()
        found += [task["id"] for task in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert found == ids[::-1]


def test_an_agent_from_outside_works_on_a_task_by_its_lease(
    api: httpx.Client, stack: Stack, resting: str
) -> None:
    file = stack.config / "outside.yaml"
    file.write_text(f"agents:\n  outside: {{queue: {resting}, pull: on}}\n")
    try:
        stack.run("apply")
        task = added(api, resting)["id"]
        place, wanted = f"/tasks/{task}", {"agent": "outside", "seconds": 60}
        claimed = until(
            lambda: (answer := api.post(f"{place}/claim", json=wanted)).status_code == 200 and answer.json(),
            "claimed",
        )
        assert (claimed["status"], claimed["agent"]) == ("working", "outside")
        assert claimed["lease"] not in str(api.get(place).json()) + str(api.get("/audit").json())
        lease = {"Signalbox-Lease": claimed["lease"]}
        assert api.post(f"{place}/claim", json=wanted).status_code == 409
        assert api.post(f"{place}/heartbeat").status_code == 422
        assert api.post(f"{place}/heartbeat", headers=lease).json()["lease_expires"]
        assert api.post(f"{place}/complete", headers={"Signalbox-Lease": "sbl_x"}).status_code == 409
        done = api.post(f"{place}/complete", headers=lease, json={"result": {"pages": 3}}).json()
        assert (done["status"], done["result"]) == ("complete", {"pages": 3})
        assert api.post(f"{place}/heartbeat", headers=lease).status_code == 409
        assert api.post(f"{place}/claim", json={"agent": "nobody"}).status_code == 404
    finally:
        file.unlink()
        stack.run("apply")


def test_a_run_leaves_output_and_files_and_is_launched_again(api: httpx.Client, stack: Stack) -> None:
    (stack.config / "leaves.yaml").write_text(
        "jobs:\n  leaves:\n    command: [sh, -c, 'echo said; echo kept > kept.txt']\n    artifacts: [kept.txt]\n"
    )
    try:
        stack.run("apply")
        key = {"Idempotency-Key": uuid.uuid4().hex}
        first, again = (api.post("/jobs/leaves/runs", json={}, headers=key) for _ in range(2))
        assert (first.status_code, first.json()) == (202, again.json())
        run = first.json()["run_id"]
        until(lambda: api.get(f"/runs/{run}").json()["status"] == "SUCCESS", "success")
        assert api.get(f"/runs/{run}/output/stdout").text == "said\n"
        assert api.get(f"/runs/{run}/output/none").status_code == 422
        (kept,) = api.get(f"/runs/{run}/artifacts").json()
        answer = api.get(f"/runs/{run}/artifacts/{kept['path']}")
        assert (answer.text, answer.headers["Content-Disposition"][:10]) == ("kept\n", "attachment")
        assert api.get(f"/runs/{run}/artifacts/..%2f..%2fstack.json").status_code == 404
        assert api.get(f"/runs/{run}/result").json()["artifacts"] == [kept]
        assert api.post(f"/runs/{run}/cancel").status_code == 409
        retried = api.post(f"/runs/{run}/retry")
        assert retried.status_code == 202, retried.text
        second = retried.json()["run_id"]
        until(lambda: api.get(f"/runs/{second}").json()["status"] == "SUCCESS", "success")
        assert api.get(f"/runs/{second}").json()["root_run"] == run
        assert api.get("/runs/none/result").status_code == 404
    finally:
        (stack.config / "leaves.yaml").unlink()
        stack.run("apply")


def test_the_audit_is_read_in_pages_and_verified(api: httpx.Client) -> None:
    api.post("/schedules/heartbeat/pause", json={"reason": "for the audit"})
    api.post("/schedules/heartbeat/resume")
    first = api.get("/audit", params={"limit": 1, "subject": "schedule:heartbeat"}).json()
    second = api.get("/audit", params={"limit": 1, "subject": "schedule:heartbeat", "cursor": first["next"]})
    assert first["items"][0]["action"] != second.json()["items"][0]["action"]
    assert api.get("/audit/verify").json()["ok"] is True
    assert api.get("/audit", params={"cursor": "x"}).status_code == 422

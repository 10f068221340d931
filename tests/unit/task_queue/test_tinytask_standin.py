"""The stand-in answers as TinyTask 2.0.0 was seen to answer: requests and answers are from captured traffic."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.standins.tinytask import TinyTaskServer

NEW = {"title": "Setup DB", "created_by": "dispatcher", "queue_name": "dev"}


@pytest.fixture
def http(tinytask_server: TinyTaskServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tinytask_server.url + "/api/v1/", trust_env=False) as client:
        yield client


def ask(http: httpx.Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = http.request(method, path, json=body)
    return answer.status_code, answer.json()


def new(http: httpx.Client, **fields: Any) -> int:
    status, task = ask(http, "POST", "tasks", {**NEW, **fields})
    assert status == 201
    return task["id"]


def blocked(http: httpx.Client, id: int) -> bool:
    return ask(http, "GET", f"tasks/{id}")[1]["is_currently_blocked"]


def test_given_a_new_task_then_the_answer_has_the_fields_and_defaults_that_were_seen(
    http: httpx.Client,
) -> None:
    given = {**NEW, "description": "create schema", "tags": ["db"], "status": "working", "recipe": "x.yaml"}
    status, task = ask(http, "POST", "tasks", given)
    stamp = task["created_at"]
    assert len(stamp) == len("2026-11-21T02:23:49Z") and stamp.endswith("Z")
    assert (status, task) == (
        201,
        {
            "id": 1,
            "title": "Setup DB",
            "description": "create schema",
            "status": "idle",
            "assigned_to": None,
            "previous_assigned_to": None,
            "created_by": "dispatcher",
            "priority": 0,
            "tags": ["db"],
            "parent_task_id": None,
            "queue_name": "dev",
            "blocked_by_task_id": None,
            "created_at": stamp,
            "updated_at": stamp,
            "archived_at": None,
            "is_currently_blocked": False,
        },
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "tasks", {"title": "x"}, 400, "created_by is required"),
        ("POST", "tasks", {"created_by": "a"}, 400, "Task title is required"),
        ("POST", "tasks", {**NEW, "priority": "5"}, 400, "priority must be a finite integer"),
        ("POST", "tasks", {**NEW, "tags": "t"}, 400, "tags must be an array of strings"),
        (
            *("POST", "tasks", {**NEW, "status": "done"}, 400),
            "Invalid status: done. Must be one of: idle, working, complete",
        ),
        ("POST", "tasks", {**NEW, "blocked_by_task_id": 999}, 400, "Blocking task not found: 999"),
        ("POST", "tasks", {**NEW, "parent_task_id": 999}, 400, "Parent task not found: 999"),
        ("GET", "tasks/abc", None, 400, "Invalid task ID: abc"),
        ("GET", "tasks/99999", None, 404, "Task 99999 not found"),
        (
            *("GET", "tasks?status=bogus", None, 400),
            'status must be one of: idle, working, complete (got: "bogus")',
        ),
        ("GET", "tasks?limit=-1", None, 400, "limit must be a non-negative integer"),
        ("GET", "tasks?include_archived=yes", None, 400, "include_archived must be 'true' or 'false'"),
        ("PATCH", "tasks/99999", {"status": "idle"}, 404, "Task not found: 99999"),
        ("PATCH", "tasks/1", {"blocked_by_task_id": 1}, 400, "Task cannot be blocked by itself"),
        (
            *("PATCH", "tasks/1", {"blocked_by_task_id": 2}, 400),
            "Cannot create circular blocking relationship",
        ),
        ("PATCH", "tasks/1", {"blocked_by_task_id": 999}, 404, "Blocking task not found: 999"),
        ("GET", "queues/%20/stats", None, 400, "Queue name cannot be empty"),
        ("GET", "nosuch", None, 404, "Not found"),
        ("POST", "agents/nobody/signup", {}, 404, "No idle tasks available for signup"),
    ],
)
def test_given_a_wrong_request_then_status_and_message_are_those_that_were_seen(
    http: httpx.Client, method: str, path: str, body: Any, status: int, error: str
) -> None:
    first = new(http)
    new(http, blocked_by_task_id=first)
    assert ask(http, method, path, body) == (status, {"error": error})


def test_given_bodies_of_the_wrong_kind_then_they_are_refused_as_seen(http: httpx.Client) -> None:
    broken = http.post("tasks", content=b"{bad json", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()) == (400, {"error": "Invalid JSON body"})
    large = ask(http, "POST", "tasks", {**NEW, "description": "x" * 102_400})
    assert large == (500, {"error": "Internal server error"})
    assert ask(http, "POST", "tasks", {**NEW, "description": "x" * 92_160})[0] == 201


def test_given_lists_then_priority_and_age_order_them_and_blocked_ones_come_along(http: httpx.Client) -> None:
    low = new(http)
    waiting = new(http, priority=10, blocked_by_task_id=low)
    high = new(http, priority=7, assigned_to="vaela")
    other = new(http, queue_name="qa")
    listed = ask(http, "GET", "queues/dev/tasks?status=idle&limit=2")[1]
    assert [(task["id"], task["is_currently_blocked"]) for task in listed] == [(waiting, True), (high, False)]
    every = ask(http, "GET", "tasks?limit=0")[1]
    assert [task["id"] for task in every] == [waiting, high, low, other]
    assert ask(http, "GET", "tasks?assigned_to=")[1] == []
    assert ask(http, "GET", "queues") == (200, ["dev", "qa"])


def test_given_blockers_then_only_their_completion_frees_and_archiving_blocks_for_ever(
    http: httpx.Client,
) -> None:
    first = new(http)
    second = new(http, blocked_by_task_id=first)
    seen = []
    for status in ("working", "complete", "idle"):
        ask(http, "PATCH", f"tasks/{first}", {"status": status})
        seen.append(blocked(http, second))
    assert seen == [True, False, True]
    assert ask(http, "POST", f"tasks/{first}/archive")[1]["archived_at"] is not None
    assert blocked(http, second)
    assert [task["id"] for task in ask(http, "GET", "tasks")[1]] == [second]
    assert ask(http, "DELETE", f"tasks/{first}") == (200, {"success": True, "id": first})
    task = ask(http, "GET", f"tasks/{second}")[1]
    assert (task["blocked_by_task_id"], task["is_currently_blocked"]) == (None, False)


def test_given_a_ring_of_three_then_it_is_accepted_and_all_are_blocked(http: httpx.Client) -> None:
    first = new(http)
    second = new(http, blocked_by_task_id=first)
    third = new(http, blocked_by_task_id=second)
    assert ask(http, "PATCH", f"tasks/{first}", {"blocked_by_task_id": third})[0] == 200
    assert all(blocked(http, id) for id in (first, second, third))


def test_given_a_parent_then_its_status_follows_its_subtasks(http: httpx.Client) -> None:
    parent = new(http)
    ask(http, "PATCH", f"tasks/{parent}", {"status": "working"})
    seen = []
    child = ask(http, "POST", f"tasks/{parent}/subtasks", {"title": "a", "created_by": "x"})[1]
    assert (child["parent_task_id"], child["queue_name"]) == (parent, "dev")
    for status in ("idle", "working", "complete", "idle"):
        ask(http, "PATCH", f"tasks/{child['id']}", {"status": status})
        seen.append(ask(http, "GET", f"tasks/{parent}")[1]["status"])
    assert seen == ["idle", "working", "complete", "idle"]


def test_given_many_at_once_then_a_sign_up_has_one_winner_and_a_change_has_none(http: httpx.Client) -> None:
    """No compare-and-set: the last writer wins. A sign-up ignores blocking."""
    blocker = new(http)
    id = new(http, blocked_by_task_id=blocker, assigned_to="vaela")
    with ThreadPoolExecutor(20) as threads:
        signups = list(threads.map(lambda _: ask(http, "POST", "agents/vaela/signup", {})[0], range(20)))
        changes = list(
            threads.map(
                lambda n: ask(http, "PATCH", f"tasks/{id}", {"assigned_to": f"a{n}", "status": "working"})[0],
                range(20),
            )
        )
    assert (sorted(signups), set(changes)) == ([200, *[404] * 19], {200})
    task = ask(http, "GET", f"tasks/{id}")[1]
    assert (task["status"], task["is_currently_blocked"]) == ("working", True)
    before = task["assigned_to"]
    ask(http, "PATCH", f"tasks/{id}", {"assigned_to": None})
    task = ask(http, "GET", f"tasks/{id}")[1]
    assert (task["assigned_to"], task["previous_assigned_to"]) == (None, before)

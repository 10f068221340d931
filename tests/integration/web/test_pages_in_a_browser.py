"""The pages, clicked through in Chromium on the session's stack; skipped where there is none."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.running_stack import Stack, until
from tests.integration.web.browser import Browser

PAGES = ("", "schedules", "schedules/heartbeat", "timeline", "queues", "inbox", "health", "audit")
ATTACK = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"`${1}"


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.ui}/api/v1", trust_env=False, timeout=60) as client:
        yield client


def test_every_page_opens_without_a_fault(stack: Stack, browser: Browser) -> None:
    browser.said.clear()
    for dark in (False, True):
        browser.looks(dark=dark)
        for name in PAGES:
            browser.go(f"{stack.ui}/signalbox/{name}")
            assert browser.run("document.querySelector('main h1').innerText"), name
            assert browser.run(
                "performance.getEntriesByType('resource').every(e => e.name.startsWith(location.origin))"
            )
            browser.picture(f"stack-{name or 'overview'}{'-dark' if dark else ''}")
    assert browser.said == []


def test_a_schedule_is_run_paused_and_edited(stack: Stack, browser: Browser, api: httpx.Client) -> None:
    name = f"clicked-{uuid.uuid4().hex[:6]}"
    browser.go(f"{stack.ui}/signalbox/schedules?new=1")
    form = "document.querySelector('form[data-schedule]')"
    for field, value in {"name": name, "job": "heartbeat", "rule": "every", "when": "6h"}.items():
        browser.run(f"{form}.elements[{json.dumps(field)}].value = {json.dumps(value)}")
    try:
        browser.run(f"{form}.querySelector('[data-preview]').click()")
        until(lambda: browser.shows(f"+  {name}:"), "the diff is shown")
        assert browser.run(f"{form}.querySelectorAll('[data-next] li').length") == 10
        browser.picture("new-schedule")
        browser.run(f"{form}.querySelector('[data-save]').click()")
        browser.arrives(f"/schedules/{name}")
        assert name in (stack.config / "schedules.yaml").read_text()
        until(lambda: api.get(f"/schedules/{name}").status_code == 200, "it is declared")
        browser.go(f"{stack.ui}/signalbox/schedules/{name}")
        browser.run(f"{form}.elements.when.value = 'soon'")
        browser.run(f"{form}.querySelector('[data-preview]').click()")
        until(lambda: browser.run(f"{form}.querySelector('.fault').innerText"), "the fault is at the form")
        pause = "document.querySelector('form[data-action$=\"/pause\"]')"
        browser.run(f"{pause}.elements.reason.value = 'works on the line'")
        browser.run(f"{pause}.querySelector('button').click()")
        until(lambda: browser.shows("works on the line"), "it is paused")
        assert api.get(f"/schedules/{name}").json()["state"] == "paused"
    finally:
        api.delete(f"/schedules/{name}")
        stack.run("apply")
    browser.go(f"{stack.ui}/signalbox/schedules/heartbeat")
    run = "document.querySelector('form[data-action$=\"/run\"]')"
    browser.run(f"{run}.elements.force.checked = true")
    browser.run(f"{run}.querySelector('button').click()")
    browser.arrives("/signalbox/runs/")
    until(lambda: browser.shows("run success"), "its events come by themselves")
    until(lambda: browser.shows("alive on"), "and so does its output")
    browser.picture("run")


@pytest.mark.attack
def test_what_people_and_agents_write_is_shown_and_never_run(
    stack: Stack, browser: Browser, api: httpx.Client
) -> None:
    queue = f"rest-{uuid.uuid4().hex[:6]}"
    task = api.post(
        "/tasks", json={"title": ATTACK, "queue": queue, "description": ATTACK, "tags": [ATTACK]}
    ).json()["id"]
    api.post(f"/tasks/{task}/comment", json={"text": ATTACK})
    api.post(f"/tasks/{task}/subtasks", json={"title": ATTACK, "description": ATTACK})
    done = api.post("/tasks", json={"title": "done", "queue": queue}).json()["id"]
    api.post(f"/tasks/{done}/complete", json={"result": {ATTACK: ATTACK}})
    entry = {"job": "heartbeat", "every": "7d", "description": ATTACK}
    assert api.post("/schedules", json={"name": f"said-{queue}", "entry": entry}).status_code == 201
    until(lambda: api.get(f"/schedules/said-{queue}").status_code == 200, "it is declared")
    api.post(f"/tasks/{task}/fail", json={"reason": ATTACK})
    api.post("/schedules/heartbeat/pause", json={"reason": ATTACK})
    api.post("/agents/vaela/pause", json={"reason": ATTACK})
    run = api.post("/jobs/heartbeat/runs", json={"reason": ATTACK}).json()["run_id"]
    try:
        for page in (
            f"tasks/{task}",
            f"tasks/{done}",
            f"schedules/said-{queue}",
            f"queues?queue={queue}",
            "inbox",
            "schedules",
            "audit",
            f"runs/{run}",
            "timeline",
        ):
            browser.go(f"{stack.ui}/signalbox/{page}")
            until(lambda: browser.run("document.title"), page)
            assert browser.run("document.title") != "owned", page
            assert not browser.run(
                "[...document.images].length || [...document.scripts].some(s => !s.src && s.type !== 'application/json')"
            ), page
        browser.go(f"{stack.ui}/signalbox/tasks/{task}")
        assert browser.shows(ATTACK)
        browser.picture("attack")
    finally:
        api.delete(f"/schedules/said-{queue}")
        api.post("/schedules/heartbeat/resume")
        api.post("/agents/vaela/resume")
        api.post(f"/tasks/{task}/cancel")


def test_a_task_is_added_commented_and_put_back(stack: Stack, browser: Browser, api: httpx.Client) -> None:
    queue = f"rest-{uuid.uuid4().hex[:6]}"
    browser.go(f"{stack.ui}/signalbox/queues")
    form = "document.querySelector('form[data-action$=\"/tasks\"]')"
    for field, value in {"title": "Oil the points", "queue": queue}.items():
        browser.run(f"{form}.elements[{json.dumps(field)}].value = {json.dumps(value)}")
    browser.run(f"{form}.querySelector('button').click()")
    browser.arrives("/signalbox/tasks/")
    comment = "document.querySelector('form[data-action$=\"/comment\"]')"
    browser.run(f"{comment}.elements.text.value = 'with the thin oil'")
    browser.run(f"{comment}.querySelector('button').click()")
    until(lambda: browser.shows("with the thin oil"), "the comment")
    (found,) = api.get("/tasks", params={"queue": queue}).json()["items"]
    assert (found["title"], found["status"]) == ("Oil the points", "idle")
    api.post(f"/tasks/{found['id']}/cancel")

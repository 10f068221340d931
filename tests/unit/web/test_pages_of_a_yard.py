"""Each page over a yard with a past: what it shows, without a browser."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from scheduler_defs.web.cache import TimedCache
from scheduler_defs.web.pages import health, schedules
from tests.conftest import fresh_database
from tests.standins.filled_yard import LONG, PREFIX, FilledYard, filled_yard


@pytest.fixture(scope="module")
def yard(
    postgres_server: str, dagster_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FilledYard]:
    with (
        pytest.MonkeyPatch.context() as patch,
        fresh_database(postgres_server, dagster_template) as url,
        filled_yard(tmp_path_factory.mktemp("yard"), url, patch) as started,
    ):
        yield started


@pytest.fixture
def web(yard: FilledYard) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{yard.ui}/signalbox", trust_env=False, timeout=60) as client:
        yield client


def shown(web: httpx.Client, path: str) -> str:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text[:2000]
    return html.unescape(answer.text)


def test_the_list_says_how_the_last_occurrences_went(web: httpx.Client) -> None:
    page = shown(web, "/schedules")
    words = re.findall(r'class="spark" role="img" aria-label="([^"]*)"', page)
    assert len(words) == 3
    assert all(each.startswith("last 20: ") and "bad" in each and "left out" in each for each in words)
    assert shown(web, "/schedules?state=off").count('name="name" value="') == 1
    assert LONG in shown(web, "/schedules?q=story")


def test_the_outcomes_of_all_that_are_shown_are_one_statement(yard: FilledYard, web: httpx.Client) -> None:
    from scheduler_defs import database

    asked: list[str] = []
    engine = database.engine()
    listen = lambda *given: asked.append(given[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listen)
    try:
        shown(web, "/schedules")
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert sum("string_agg" in each for each in asked) == 1


def test_a_clone_is_a_form_with_everything_of_the_other_and_a_new_name(web: httpx.Client) -> None:
    page = shown(web, "/schedules?clone=nightly")
    assert 'value="nightly-copy"' in page
    assert 'value="0 2 * * mon-fri"' in page and 'value="ann"' in page
    assert "A schedule like nightly" in page
    assert "A schedule like" not in shown(web, "/schedules?clone=none")


def test_a_schedule_shows_its_rules_attempts_and_lengths(web: httpx.Client) -> None:
    page = shown(web, "/schedules/nightly")
    assert "At 02:00, Monday through Friday (Europe/Berlin)" in page
    assert "At 03:00 (Europe/Berlin)" in page and "ben" in page
    assert page.count("the attempt before") == 1
    assert "How long runs took: at most" in page
    assert "paused until resumed by ann: works on the line" in page


def test_a_jobs_parameters_are_fields_of_run_now(web: httpx.Client) -> None:
    page = shown(web, "/schedules/nightly")
    assert 'data-config="place"' in page and '<option value="live">' in page
    assert re.search(r'data-config="tries"[^>]*type="number" min="1" max="9"', page)
    assert 'name="config"' not in page
    assert 'name="config"' in shown(web, "/schedules/monthly")


@pytest.mark.parametrize("by", ["schedule", "agent", "queue"])
def test_the_timeline_has_lanes_by(web: httpx.Client, by: str) -> None:
    page = shown(web, f"/timeline?by={by}&span=1d")
    course = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert course is not None
    lanes = {"schedule": "imports", "agent": "vaela", "queue": "dev"}
    assert lanes[by] in json.loads(course[1])["names"]
    assert "worker slots" in page


def test_the_board_is_filtered_and_put_into_order(web: httpx.Client) -> None:
    page = shown(web, "/queues")
    assert page.count('draggable="true"') == 3
    assert 'aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown"' in page
    assert 'data-task="2"' not in shown(web, "/queues?agent=vaela")
    cables = shown(web, "/queues?tag=cable")
    assert "Lay the cable" in cables and 'data-task="1"' not in cables
    assert "Slots that are needed" in page and "Quota pools" in page
    assert 'class="blocking"' in page


def test_a_run_lists_its_attempts_and_shows_its_pictures(web: httpx.Client) -> None:
    page = shown(web, "/runs/nightly-2-again")
    assert "<h2>Attempts</h2>" in page and '/runs/nightly-2"' in page and "this one" in page
    assert re.search(r'<img src="/yard/api/v1/runs/nightly-2-again/artifacts/plots/dot.png\?shown=1"', page)
    picture = web.get("/../api/v1/runs/nightly-2-again/artifacts/plots/dot.png?shown=1")
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["content-security-policy"].startswith("sandbox;")
    saved = web.get("/../api/v1/runs/nightly-2-again/artifacts/data.csv?shown=1")
    assert saved.headers["content-disposition"].startswith("attachment")


@pytest.mark.attack
def test_a_report_is_shown_without_its_html(web: httpx.Client) -> None:
    answer = web.get("/runs/nightly-2-again/reports/report.md")
    assert '/artifacts/report.md">save report.md</a>' in answer.text
    assert "<h1>Report</h1>" in answer.text and "<td>1</td>" in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert web.get("/runs/nightly-2-again/reports/%2e%2e/%2e%2e/yard.py").status_code == 404


def test_health_shows_workers_alerts_and_limits(web: httpx.Client) -> None:
    page = shown(web, "/health")
    assert "runs@box" in page and "the server answered 503" in page
    assert "no stack runs on this machine's state folder" in page
    assert "one-team" in page or "team" in page


def test_the_doctor_is_asked_once_for_several_views(
    web: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(health, "_examined", TimedCache(health.EXAMINED_SECONDS))
    monkeypatch.setattr(health, "examine", lambda patient: asked.append(patient) or [])
    for _ in range(3):
        shown(web, "/health")
    assert len(asked) == 1


def test_the_inbox_has_what_the_review_finds(yard: FilledYard, web: httpx.Client) -> None:
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.pauses (schedule, since, actor, reason) "
                "VALUES ('monthly', now() - interval '30 days', 'ann', 'later')"
            )
        )
    from scheduler_defs.web.rest import asking

    asking._findings = TimedCache(0.0)  # pyright: ignore[reportPrivateUsage]
    page = shown(web, "/inbox")
    assert "ignored: monthly: paused since" in page
    assert "Red or green?" in page and 'value="week"' in page


def test_the_audit_and_the_overview_open(web: httpx.Client) -> None:
    assert "Verify the chain" in shown(web, "/audit?actor=ann")
    assert "in the inbox" in shown(web, "/")


def test_what_is_next_and_why(web: httpx.Client) -> None:
    assert "queues/next" in shown(web, "/queues")
    page = shown(web, "/queues/next")
    assert "When a slot is free" in page and "vaela" in page
    assert "priority " in page and ("no free slot" in page or "blocked by" in page)
    assert "vaela" in shown(web, "/queues/next?queue=dev&agent=vaela")


@pytest.mark.parametrize(
    "path", ["/", "/schedules", "/schedules/nightly", "/queues", "/queues/next", "/tasks/3", "/inbox"]
)
def test_every_address_lies_below_the_prefix(web: httpx.Client, path: str) -> None:
    page = shown(web, path)
    found = re.findall(r'(?:href|src|action|hx-get|data-api|data-here|data-go)="([^"]+)"', page)
    assert len(found) > 10
    assert [each for each in found if not each.startswith((f"{PREFIX}/", "#", "?"))] == []


def test_given_more_schedules_than_a_page_holds_then_every_one_is_on_one_of_its_pages(
    web: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(page: str) -> list[str]:
        return re.findall(r'name="name" value="([^"]+)"', page)

    every = names(shown(web, "/schedules?sort=-name"))
    monkeypatch.setattr(schedules, "PAGE", 2)
    address, found = "/schedules?sort=-name", []
    while address:
        page = shown(web, address)
        found += names(page)
        following = re.search(r'<a href="([^"]+)" rel="next"', page)
        address = f"/schedules{following[1]}" if following else ""
    assert len(every) > 4 and found == every
    assert names(shown(web, "/schedules?page=99999&sort=-name")) == every[(len(every) - 1) // 2 * 2 :]
    assert names(shown(web, "/schedules?page=x&sort=-name")) == every[:2]

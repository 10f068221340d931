"""Pages without a stack: what may be loaded, faults as pages, a path prefix, and nothing that is not escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, Role, TrustedProxy
from scheduler_defs.web.pages.rendering import FOLDER, POLICY, iso, lasting, took
from tests.standins.web import Web, serving

WHO = "X-Forwarded-User"
ACCESS = Access(
    mode=Mode.PROXY,
    proxy=TrustedProxy(header=WHO, peers=("127.0.0.1",)),
    grants=(AccessGrant(who=("ann",), role=Role.VIEWER),),
)
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web"), access=ACCESS, path_prefix="/yard") as started:
        yield started


def test_below_a_prefix_every_address_begins_with_it(web: Web) -> None:
    page = web.client(**{WHO: "ann"}).get("/yard/signalbox/schedules/none")
    assert page.status_code == 404
    addresses = re.findall(r'(?:href|src|data-api|data-here)="([^"]*)"', page.text)
    assert addresses and all(each.startswith("/yard/") or each == "#main" for each in addresses)
    assert page.headers["Content-Security-Policy"] == POLICY


def test_what_a_page_needs_is_there(web: Web) -> None:
    client = web.client(**{WHO: "ann"})
    for name in ("app.js", "timeline.js", "style.css", "vendor/htmx.min.js"):
        assert client.get(f"/yard/signalbox/static/{name}").status_code == 200
    assert client.get("/yard/signalbox/static/../app.py").status_code == 404


@pytest.mark.attack
def test_an_attack_in_the_address_is_shown_and_not_run(web: Web) -> None:
    page = web.client(**{WHO: "ann"}).get("/yard/signalbox/schedules/<img src=x onerror=alert(1)>")
    assert "<img" not in page.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.text


@pytest.mark.attack
def test_nobody_unknown_sees_a_page(web: Web) -> None:
    assert web.client().get("/yard/signalbox/").status_code == 401
    assert web.client(**{WHO: "eve"}).get("/yard/signalbox/").status_code == 403


@pytest.mark.attack
def test_a_person_without_a_role_is_told_why_on_a_page(web: Web) -> None:
    answer = web.client(**{WHO: "eve"}).get("/yard/signalbox/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "eve" in answer.text and "look" in answer.text and "access.grants" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    program = web.client(**{WHO: "eve"}).get("/yard/signalbox/", headers={"Accept": "application/json"})
    assert program.headers["content-type"] == "application/problem+json"
    unknown = web.client().get("/yard/signalbox/", headers={"Accept": "text/html"})
    assert (unknown.status_code, unknown.headers["content-type"]) == (401, "text/html; charset=utf-8")


@pytest.mark.attack
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_script_style_or_address_of_elsewhere(template: Path) -> None:
    text = template.read_text()
    assert "|safe" not in text and "autoescape" not in text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text)
    assert "|markup" not in text or template.name == "report.html"
    scripts = (each for each in re.findall(r"<script[^>]*>", text) if "application/json" not in each)
    assert all("src=" in each for each in scripts)


def test_lengths_and_instants_are_written_for_people() -> None:
    assert [lasting(each) for each in (None, 1.25, 61, 3 * 3600 + 300)] == [
        *("", "1.2 s", "1 min 01 s"),
        "3 h 05 min",
    ]
    assert iso("2026-01-01T01:00:00+01:00") == "2026-01-01T00:00:00+00:00"
    assert took({"started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:02+00:00"}) == "2.0 s"
    assert took({"started": None, "ended": None}) == ""


def test_the_api_is_shown_to_people(web: Web) -> None:
    client = web.client(**{WHO: "ann"})
    led = client.get("/yard/api/v1/docs")
    assert (led.status_code, led.headers["Location"]) == (307, "/yard/signalbox/api")
    page = client.get("/yard/signalbox/api")
    assert page.status_code == 200
    described = client.get("/yard/api/v1/openapi.json").json()["paths"]
    assert len(described) > 50
    assert all(f"<code>{path}</code>" in page.text for path in described)

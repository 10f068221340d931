"""`signalbox forecast`: its document, its page, its errors. Nothing runs, and no clock is asked."""

from __future__ import annotations

import datetime as dt
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from scheduler_defs import settings
from scheduler_defs.acting.forecast import window
from scheduler_defs.cli.main import build
from scheduler_defs.errors import UsageError
from tests.unit.declarations.yards import write_yard

YARD = """
jobs: {slow: {command: [echo], expected: 20m, max_concurrent: 1}, heavy: {command: [echo]}}
limits: {teams: {key: team, per_value: true, limit: 2}}
schedules:
  a: {job: slow, every: 30m, overlap: allow}
  b: {job: slow, every: 30m, overlap: allow}
  later: {job: heavy, every: 2h, anchor: 2026-03-02T01:30, tags: {team: "</script><script>alert(1)"}}
"""
ONE_HOUR = ("--from", "2026-03-02T00:00", "--to", "1h", "--timezone", "UTC")


@pytest.fixture(autouse=True)
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.CONFIG, str(write_yard(tmp_path, {"a.yaml": YARD})))
    monkeypatch.setenv(settings.STATE, str(tmp_path / "state"))
    monkeypatch.delenv(settings.POSTGRES_URL, raising=False)


def forecast(*words: str) -> Result:
    argv = ["forecast", *words]
    return CliRunner().invoke(build(argv), argv)


def document(*words: str) -> dict[str, Any]:
    result = forecast(*ONE_HOUR, "--json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_given_two_schedules_and_room_for_one_run_then_the_document_says_who_waits_for_what() -> None:
    found = document()
    assert [(run["schedule"], run["start"][11:16], run["wait_seconds"]) for run in found["runs"]] == [
        ("a", "00:00", 0),
        ("b", "00:20", 1200),
        ("a", "00:40", 600),
        ("b", "01:00", 1800),
    ]
    full = {"limit": "signalbox/job=slow", "most": 1, "peak": 1, "peak_at": "2026-03-02T00:00:00+00:00"}
    assert found["limits"][0] == full
    pile_up, earlier = found["pile_ups"]
    assert (pile_up["to"], pile_up["most_waiting"], pile_up["schedules"]) == (
        "2026-03-02T01:00:00+00:00",
        2,
        {"b": 1, "a": 1},
    )
    assert (earlier["to"], earlier["longest_wait_seconds"]) == ("2026-03-02T00:20:00+00:00", 1200)
    assert {row["schedule"]: row["runs"] for row in found["schedules"]} == {"a": 2, "b": 2, "later": 0}
    assert found["concurrency"]["peak"] == 1


def test_given_slots_then_they_are_a_limit_for_all() -> None:
    assert {
        "limit": "worker slots",
        "most": 4,
        "peak": 1,
        "peak_at": "2026-03-02T00:00:00+00:00",
    } in document("--slots", "4")["limits"]


def test_given_a_zone_then_times_are_read_and_shown_in_it() -> None:
    argv = ("--from", "2026-03-08T01:00", "--to", "3h", "--timezone", "America/New_York", "--json")
    found = json.loads(forecast(*argv).stdout)
    assert (found["from"], found["to"]) == ("2026-03-08T01:00:00-05:00", "2026-03-08T05:00:00-04:00")


class Outside(HTMLParser):
    """Whatever a page would load, and the text of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.loads += [f"{tag} {key}" for key, _ in attrs if key in ("src", "href", "action", "data")]


def test_given_html_then_one_file_is_written_that_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "forecast.html"
    assert forecast(*ONE_HOUR, "--html", str(path)).exit_code == 0
    text = path.read_text()
    outside = Outside()
    outside.feed(text)
    assert (outside.loads, outside.scripts) == ([], 2)
    assert "url(" not in text and "@import" not in text and "http://" not in text.replace("http-equiv", "")
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert [row["n"] for row in data["rows"]] == ["a", "b", "later"]
    assert data["rows"][0]["r"] == [0, [1800, 600, 1200]]
    assert data["offsets"] == [[data["begin"], 0]]


def test_given_a_table_then_it_names_the_limit_and_the_worst_wait() -> None:
    result = forecast(*ONE_HOUR)
    assert re.search(r"signalbox/job=slow +2 +3 +30m +2 +2026-03-02T00:30:00", result.stdout)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "soon"), "--from 'soon' is neither an ISO 8601 instant"),
        (("--to", "7x"), "nor a duration such as 7d"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "is not after --from"),
        (("--to", "2y"), "neither"),
        (("--to", "400d"), "400 days after --from; at most 366"),
        (("--timezone", "Mars"), "--timezone: timezone 'Mars' is not known"),
        (("--assume", "long"), "--assume: 'long' is not a duration"),
        (("--json", "--html", "x.html"), "exclude each other"),
        (("--html", "/nowhere/x.html"), "No such file or directory"),
    ],
)
def test_given_a_wrong_call_then_one_line_says_what_is_allowed(words: tuple[str, ...], message: str) -> None:
    result = forecast(*words)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


def test_given_no_from_then_the_window_begins_with_the_current_minute() -> None:
    now = dt.datetime(2026, 3, 2, 10, 7, 31, tzinfo=dt.UTC)
    assert window(None, "12h", None, now) == (now.replace(second=0), now.replace(second=0, hour=22))


def test_given_dates_then_they_are_midnights_of_the_zone() -> None:
    begin, end = window("2026-03-02", "2026-03-03", ZoneInfo("Asia/Tokyo"), dt.datetime.now(dt.UTC))
    assert (begin.hour, end - begin) == (15, dt.timedelta(days=1))


def test_given_a_window_that_ends_where_it_begins_then_it_is_refused() -> None:
    with pytest.raises(UsageError, match="is not after"):
        window("2026-03-02T10:00", "0s", ZoneInfo("UTC"), dt.datetime.now(dt.UTC))

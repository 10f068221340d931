"""Parts of pages that are pure: small pictures, the fields of a form, reports of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler_defs.web.pages.form import form_of
from scheduler_defs.web.pages.parts.charts import lengths, spark
from scheduler_defs.web.pages.parts.reports import html


def test_a_spark_is_told_without_colours() -> None:
    found = spark("ggbmsr")
    assert found.words == "last 6: 2 good, 1 bad, 1 missed, 1 left out, 1 going"
    assert found.paths["b"] == "M10 0h4V16h-4z"
    assert found.paths["g"] == "M0 6h4V16h-4zM5 6h4V16h-4z"


def test_lengths_are_of_the_longest() -> None:
    rows = [
        {"started": "2026-01-01T00:00:00Z", "ended": f"2026-01-01T00:00:{end:02}Z", "status": "SUCCESS"}
        for end in (40, 10, 20)
    ]
    found = lengths([{**row, "run_id": "r"} for row in rows])
    assert found is not None
    assert [bar.height for bar in found.bars] == [50.0, 25.0, 100.0]
    assert (found.longest, found.middle, found.line) == (40.0, 20.0, 50.0)
    assert lengths([{"started": None, "ended": None}]) is None


def test_a_form_has_a_field_for_every_key_of_the_schema() -> None:
    from scheduler_defs.declarations.written.schedules import RULE_KEYS, ScheduleEntry

    form = form_of({"every": "10m", "priority": 5, "retries": {"max_attempts": 3}, "enabled": False})
    fields = {each.key: each for part in (form.first, form.of_rules, form.others) for each in part}
    assert fields.keys() | {"job", *RULE_KEYS} == ScheduleEntry.model_fields.keys()
    assert (form.rule, form.when) == ("every", "10m")
    assert (fields["priority"].kind, fields["priority"].value) == ("number", "5")
    assert fields["retries"].value == '{"max_attempts": 3}'
    assert (fields["enabled"].choices, fields["enabled"].value) == (("true", "false"), "false")
    assert fields["overlap"].choices == ("allow", "skip", "queue", "cancel_running")
    assert fields["owner"].about


@pytest.mark.parametrize(
    ("given", "never"),
    [
        ("<script>alert(1)</script>", "<script"),
        ("<img src=x onerror=alert(1)>", "<img"),
        ("[a](javascript:alert(1))", "href"),
        ("![a](https://elsewhere.example/a.png)", "<img"),
        ("![a](../../../secret.png)", "<img"),
        ("![a](/api/v1/schedules.png)", "<img"),
        ('![a" onerror="x](a.txt)', "<img"),
        ('```html\n"><script>\n```', "<script"),
    ],
)
@pytest.mark.attack
def test_a_report_is_text_and_never_anything_that_acts(given: str, never: str) -> None:
    assert never not in html(given, "/files", Path("out"))


def test_a_report_shows_what_the_run_has_kept() -> None:
    shown = html("# Plot\n\n![the curve](plots/a.png)", "/api/v1/runs/1/artifacts", Path("out"))
    assert "<h1>Plot</h1>" in shown
    assert '<img src="/api/v1/runs/1/artifacts/out/plots/a.png?shown=1" alt="the curve"' in shown

"""What `deploy/` brings for Prometheus and Grafana asks for metrics that there are."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from scheduler_defs import database
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.upkeep.metrics.collecting import scrape
from tests.unit.execution.core.setting import Setting

PAGE = (PROJECT_ROOT / "docs" / "metrics.md").read_text()
METRICS = re.findall(r"^\| `(signalbox_\w+)`", PAGE, re.MULTILINE)
BOARD = PROJECT_ROOT / "deploy" / "grafana" / "signalbox.json"
RULES = PROJECT_ROOT / "deploy" / "prometheus" / "alerts.yml"


@pytest.mark.parametrize("file", [BOARD, RULES], ids=["board", "rules"])
def test_only_metrics_that_are_documented_are_asked_for(file: Path) -> None:
    found = {name.removesuffix("_bucket") for name in re.findall(r"\bsignalbox_\w+", file.read_text())}
    assert found
    assert found <= set(METRICS)


def test_the_board_shows_nearly_all_of_them_without_two_panels_in_one_place() -> None:
    board = json.loads(BOARD.read_text())
    asked = {
        name
        for panel in board["panels"]
        for each in panel["targets"]
        for name in (found.removesuffix("_bucket") for found in re.findall(r"signalbox_\w+", each["expr"]))
    }
    assert set(METRICS) - asked == {"signalbox_lease_oldest_renewal_seconds"}
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def promtool(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: the package prometheus)")
    return subprocess.run([program, *words], input=given, capture_output=True, text=True, timeout=60)


def test_the_rules_are_right_by_promtool() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_scrape_is_right_by_promtool_and_has_the_documented_metrics_with_their_labels(
    setting: Setting,
) -> None:
    setting.run("QUEUED")
    text = scrape(database.engine(), dt.datetime.now(dt.UTC)).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(families) == set(METRICS)
    rows = {
        row[0].strip(" `"): set(re.findall(r"`(\w+)`", row[1]))
        for row in (line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `"))
    }
    for name, family in families.items():
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == rows[name], name
    done = promtool("check", "metrics", given=text)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_has_a_unit_a_meaning_and_what_to_alert_on_and_every_rule_is_named_there() -> None:
    rows = [
        re.split(r"\s*\|\s*", line.strip(" |")) for line in PAGE.splitlines() if line.startswith("| `signal")
    ]
    assert {len(row) for row in rows} == {5} and all(all(row[2:]) for row in rows)
    rules = {
        rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    }
    assert set(re.findall(r"`(Signalbox\w+)`", PAGE)) == rules

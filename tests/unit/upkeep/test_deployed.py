"""What `deploy/` brings for Prometheus and Grafana asks for metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scheduler_defs.settings import PROJECT_ROOT

METRICS = re.findall(
    r"^\| `(signalbox_\w+)`", (PROJECT_ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE
)
BOARD = PROJECT_ROOT / "deploy" / "grafana" / "signalbox.json"
RULES = PROJECT_ROOT / "deploy" / "prometheus" / "alerts.yml"


@pytest.mark.parametrize("file", [BOARD, RULES], ids=["board", "rules"])
def test_only_metrics_that_are_documented_are_asked_for(file: Path) -> None:
    found = set(re.findall(r"\bsignalbox_\w+", file.read_text()))
    assert found
    assert found <= set(METRICS)


def test_the_board_shows_nearly_all_of_them_without_two_panels_in_one_place() -> None:
    board = json.loads(BOARD.read_text())
    asked = {
        name
        for panel in board["panels"]
        for each in panel["targets"]
        for name in re.findall(r"signalbox_\w+", each["expr"])
    }
    assert set(METRICS) - asked == {"signalbox_lease_oldest_renewal_seconds"}
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)

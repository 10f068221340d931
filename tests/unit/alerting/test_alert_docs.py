"""docs/alerts.md says what is so."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import get_args

from scheduler_defs.alerting.delivery.sending import MOST_ATTEMPTS, OLDEST
from scheduler_defs.alerting.rules.model import Alert, Event, Kind, State
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.alerts import AlertRule, Channel
from scheduler_defs.settings import PROJECT_ROOT
from sensors.alerts import INTERVAL_SECONDS

PAGE = (PROJECT_ROOT / "docs" / "alerts.md").read_text()


def test_given_the_examples_when_loaded_then_they_have_no_faults_and_every_kind(tmp_path: Path) -> None:
    for name, example in re.findall(r"```yaml\n# config/(\S+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(example)
    (tmp_path / "agents.yaml").write_text("agents: {vaela: {queue: dev, limit: 1, command: [python3, -V]}}\n")
    result = load(tmp_path)
    assert [str(problem) for problem in result.problems] == []
    alerts = result.declarations.alerts
    assert {rule.on for rule in alerts.rules.values()} == set(
        get_args(AlertRule.model_fields["on"].annotation)
    )
    assert {each.type for each in alerts.channels.values()} == set(
        get_args(Channel.model_fields["type"].annotation)
    ) - {"heartbeat"}  # a schedule's, and not declared as a channel


def test_given_the_kinds_when_compared_then_rules_tables_and_code_are_of_one_mind() -> None:
    told = set(
        re.findall(r"^\| `(\w+)` \| .* \| .* \|$", PAGE[PAGE.index("## What is told") :], re.MULTILINE)
    )
    assert (
        told - {"on"}
        == {kind.value for kind in Kind}
        == set(get_args(AlertRule.model_fields["on"].annotation))
    )


def test_given_an_alert_when_written_then_it_has_the_keys_of_the_example() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    now = dt.datetime(2026, 3, 2, 2, tzinfo=dt.UTC)
    alert = Alert("r", ("ops",), State.FAILING, Event(Kind.RUN_FAILED, "s", now), 1, 0, now, now)
    assert set(json.loads(example)) == {"id", *alert.document()}


def test_given_the_numbers_on_the_page_when_compared_then_they_are_those_in_force() -> None:
    assert f"every {INTERVAL_SECONDS} seconds" in PAGE
    assert (
        (8, dt.timedelta(days=1)) == (MOST_ATTEMPTS, OLDEST) and "eight times" in PAGE and "for a day" in PAGE
    )

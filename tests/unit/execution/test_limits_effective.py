"""Which limits follow from the declarations, and how Dagster shows them."""

from __future__ import annotations

from pathlib import Path

from scheduler_defs import tags
from scheduler_defs.declarations import load
from scheduler_defs.limits import TagLimit, dagster_tag_limits, effective_limits

FILES = {
    "limits.yaml": """
limits:
  - {key: team, limit: 3}
  - {key: team, value: research, limit: 1}
""",
    "jobs.yaml": """
jobs:
  big: {command: [sleep, "1"], max_concurrent: 2}
  small: {command: [sleep, "1"]}
""",
    "schedules.yaml": """
schedules:
  one-by-one: {job: small, every: 10m, overlap: queue}
  skipping: {job: small, every: 10m}
""",
    "agents.yaml": """
agents:
  vaela: {queue: dev, limit: 3, command: [sleep, "1"]}
""",
}


def test_given_declarations_when_composed_then_all_kinds_of_limits_are_there_with_their_places(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    for name, text in FILES.items():
        (config / name).write_text(text)
    loaded = load(config)
    assert loaded.problems == ()
    found = {
        (limit.key, limit.value, limit.limit): limit.source for limit in effective_limits(loaded.declarations)
    }
    assert found == {
        ("team", None, 3): "config/limits.yaml:3",
        ("team", "research", 1): "config/limits.yaml:4",
        (tags.JOB, "big", 2): "config/jobs.yaml:3",
        (tags.AGENT, "vaela", 3): "config/agents.yaml:3",
        (tags.SCHEDULE, "one-by-one", 1): "config/schedules.yaml:3",
    }


def test_given_two_limits_that_count_the_same_when_shown_in_dagster_then_the_tightest_is() -> None:
    limits = [
        TagLimit("team", "a", False, 3, "x:1"),
        TagLimit("team", "a", False, 2, "x:2"),
        TagLimit("team", None, True, 4, "x:3"),
        TagLimit("team", None, False, 9, "x:4"),
    ]
    assert dagster_tag_limits(limits) == [
        {"key": "team", "limit": 2, "value": "a"},
        {"key": "team", "limit": 4, "value": {"applyLimitPerUniqueValue": True}},
        {"key": "team", "limit": 9},
    ]

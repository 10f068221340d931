"""The next occurrence is remembered for as long as it is the next one, and no longer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.forecasting import upcoming as module
from scheduler_defs.forecasting.upcoming import upcoming

NOW = dt.datetime(2026, 1, 1, 12, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_known", {})


def declared(folder: Path, rule: str) -> Schedule:
    folder.mkdir(exist_ok=True)
    (folder / "yard.yaml").write_text(
        f"jobs: {{say: {{command: [echo]}}}}\nschedules: {{s: {{job: say, timezone: UTC, {rule}}}}}\n"
    )
    return load(folder).declarations.schedules["s"]


def test_given_any_instant_then_it_is_what_the_rule_says(tmp_path: Path) -> None:
    schedule = declared(tmp_path / "a", 'cron: "0 * * * *"')
    due = dt.datetime(2026, 1, 1, 13, 0, tzinfo=dt.UTC)
    minute = dt.timedelta(minutes=1)
    assert upcoming(schedule, NOW) == due
    assert upcoming(schedule, due - minute) == due
    assert upcoming(schedule, due) == due + 60 * minute
    assert upcoming(schedule, NOW - 60 * minute) == NOW, "an earlier instant is worked out anew"


def test_given_another_rule_under_the_same_name_then_the_old_one_is_forgotten(tmp_path: Path) -> None:
    assert upcoming(declared(tmp_path / "a", 'cron: "0 * * * *"'), NOW) == NOW + dt.timedelta(hours=1)
    assert upcoming(declared(tmp_path / "a", 'cron: "30 * * * *"'), NOW) == NOW + dt.timedelta(minutes=30)


def test_given_a_rule_that_is_over_then_there_is_none_and_nobody_looks_again(tmp_path: Path) -> None:
    schedule = declared(tmp_path / "a", "at: 2026-01-01T13:00")
    last = NOW + dt.timedelta(hours=1)
    assert [upcoming(schedule, NOW), upcoming(schedule, last), upcoming(schedule, last)] == [last, None, None]

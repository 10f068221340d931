"""The review names what nobody may be looking after, by thresholds, and changes nothing."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.declarations import load
from scheduler_defs.upkeep.jobs import UPKEEP_ASSETS, UPKEEP_JOBS
from scheduler_defs.upkeep.review.finding import review
from scheduler_defs.upkeep.review.model import Finding, Past, Thresholds
from tests.unit.execution.core.setting import Setting

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
YARD = """
jobs: {nap: {command: [sleep, "1"]}}
schedules:
  nightly: {job: nap, every: 1h, owner: ann}
  looking: {job: nap, check_every: 1h, when: {subject: "disk.free_percent:/", op: lt, value: 0}, owner: ben}
"""


def findings(tmp_path: Path, past: Past, name: str = "nightly", **limits: int) -> list[str]:
    (tmp_path / "yard.yaml").write_text(YARD)
    schedules = load(tmp_path).declarations.schedules
    found = review({name: schedules[name]}, {name: past}, (), Thresholds(**limits), NOW)
    return [each.finding.value for each in found]


@pytest.mark.parametrize(
    ("past", "wanted"),
    [
        (Past(), []),
        (Past(runs=9, succeeded=6, statuses=["FAILURE"] * 3), ["failing"]),
        (Past(runs=9, succeeded=6, statuses=["FAILURE", "SUCCESS", "FAILURE"]), []),
        (Past(runs=2, statuses=["FAILURE"] * 2), []),
        (Past(runs=3, statuses=["FAILURE"] * 2), ["never_succeeded"]),
        (Past(paused_since=NOW - 15 * DAY), ["ignored"]),
        (Past(paused_since=NOW - 13 * DAY), []),
        (Past(off_since=NOW - 31 * DAY), ["disabled_too_long"]),
        (Past(durations=[200.0] * 5 + [90.0] * 9), ["slower"]),
        (Past(durations=[20.0] * 5 + [9.0] * 9), []),
        (Past(durations=[0.1] * 5 + [90.0] * 9), ["faster"]),
        (Past(durations=[0.01] * 5 + [2.0] * 9), []),
        (Past(durations=[0.1] * 5 + [90.0] * 4), []),
    ],
)
def test_findings_go_by_thresholds(past: Past, wanted: list[str], tmp_path: Path) -> None:
    assert findings(tmp_path, past) == wanted


def test_given_a_condition_that_never_held_then_it_is_found_unless_it_is_young_or_ran(tmp_path: Path) -> None:
    since = NOW - 8 * DAY
    assert findings(tmp_path, Past(checks=192, checked_since=since), "looking") == ["condition_never_held"]
    assert findings(tmp_path, Past(checks=99, checked_since=since), "looking") == []
    assert findings(tmp_path, Past(checks=192, checked_since=NOW - 6 * DAY), "looking") == []
    assert findings(tmp_path, Past(checks=192, checked_since=since, runs=1, succeeded=1), "looking") == []
    assert findings(tmp_path, Past(statuses=["FAILURE"], runs=1), failed_in_a_row=1) == ["failing"]


def test_given_a_database_when_the_job_runs_then_the_asset_has_its_checks_and_nothing_changes(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "yard.yaml").write_text(YARD + "  nobodys: {job: nap, every: 1h}\n")
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(config))
    with database.engine().begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.occurrences"
                " (schedule, due, outcome, run_id, created_at, status, decided_at, decided_by)"
                " SELECT 'nightly', now() - make_interval(hours => n), 'launched', gen_random_uuid()::text, now(),"
                " 'FAILURE', now(), 'd' FROM generate_series(1, 4) AS n"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.schedule_changes (schedule, at, change)"
                " VALUES ('gone', now(), 'on'), ('nobodys', now() - interval '40 days', 'off')"
            )
        )
    for number in range(12):
        run_id = setting.run("SUCCESS", tags={tags.SCHEDULE: "looking"})
        with database.engine().begin() as connection:
            connection.execute(
                sa.text("UPDATE runs SET start_time = 0, end_time = :took WHERE run_id = :run"),
                {"run": run_id, "took": 100.0 if number < 7 else 1.0},
            )
    definitions = dg.Definitions(assets=UPKEEP_ASSETS, jobs=list(UPKEEP_JOBS.values()))
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("schedule_review").execute_in_process(instance=instance)
    checks = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    wrong = {"orphaned", "failing", "never_succeeded", "disabled_too_long", "not_owned", "faster"}
    assert {name for name, passed in checks.items() if not passed} == wrong
    assert set(checks) == {finding.value for finding in Finding}
    report = json.loads((tmp_path / "artifacts" / result.run_id / "schedule_review.json").read_text())
    by_schedule = {(each["schedule"], each["finding"]) for each in report["findings"]}
    assert by_schedule == {
        ("gone", "orphaned"),
        ("nightly", "failing"),
        ("nightly", "never_succeeded"),
        ("nobodys", "disabled_too_long"),
        ("nobodys", "not_owned"),
        ("looking", "faster"),
    }
    assert report["counts"]["faster"] == 1
    assert report["thresholds"]["paused_days"] == 14
    assert (
        "| nightly | failing |" in (tmp_path / "artifacts" / result.run_id / "schedule_review.md").read_text()
    )

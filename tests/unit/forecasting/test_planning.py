"""From declarations and history to what a forecast plays."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs.evaluation.facts.pauses import Pause
from scheduler_defs.forecasting.history import Medians, median_durations
from scheduler_defs.forecasting.planning import SLOTS, Known, Plan, Source, plan
from tests.unit.declarations.yards import load_yard

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
YARD = """
jobs:
  clean: {command: [echo], expected: 5m, max_concurrent: 2, tags: {team: red}}
  quick: {command: [echo], timeout: 20s, queue: fast}
limits:
  teams: {key: team, per_value: true, limit: 4}
  reds: {key: team, value: red, limit: 3}
  fast-ones: {key: dagster-celery/queue, value: fast, limit: 9}
schedules:
  nightly: {job: clean, cron: "0 2 * * *", overlap: queue, max_global: 5}
  own: {job: clean, every: 1h, expected: 90s, tags: {team: blue}, priority: 3}
  fast: {job: quick, every: 10m, max_per_job: 1}
  plain: {job: log_triage, every: 10m}
  off: {job: quick, every: 10m, enabled: false}
  looking: {job: quick, check_every: 5m, when: {subject: load.average, op: gt, value: 4}}
"""


def planned(tmp_path: Path, known: Known | None = None, **more: int) -> Plan:
    declarations = load_yard(tmp_path, YARD).declarations
    return plan(declarations, NOW, known=known or Known(), assumed=MINUTE, **more)


def test_given_no_history_then_the_declared_duration_counts_and_else_the_assumed_one(tmp_path: Path) -> None:
    found = planned(tmp_path)
    assert {each.name: (each.duration / MINUTE, found.sources[each.name]) for each in found.planned} == {
        "nightly": (5, Source.DECLARED),
        "own": (1.5, Source.DECLARED),
        "fast": (pytest.approx(1 / 3), Source.ASSUMED),
        "plain": (1, Source.ASSUMED),
    }


def test_given_history_then_the_schedules_median_comes_before_the_jobs(tmp_path: Path) -> None:
    medians = Medians({"own": 7 * MINUTE}, {"clean": 9 * MINUTE})
    found = planned(tmp_path, Known(medians))
    assert {each.name: each.duration / MINUTE for each in found.planned if each.job == "clean"} == {
        "nightly": 9,
        "own": 7,
    }
    assert (found.sources["nightly"], found.sources["own"]) == (Source.JOB_HISTORY, Source.HISTORY)


def test_given_limits_then_each_schedule_has_those_that_count_its_runs(tmp_path: Path) -> None:
    found = planned(tmp_path, slots=8)
    limits = {each.name: each.limits for each in found.planned}
    assert limits["nightly"] == (SLOTS, "team=red", "signalbox/job=clean")
    assert limits["own"] == (SLOTS, "team=blue", "signalbox/job=clean")
    assert limits["fast"] == (SLOTS, "dagster-celery/queue=fast")
    assert found.limits == {
        SLOTS: 8,
        "team=red": 3,
        "team=blue": 4,
        "signalbox/job=clean": 2,
        "dagster-celery/queue=fast": 9,
    }


def test_given_what_is_off_paused_or_conditional_then_it_is_left_out_with_the_reason(tmp_path: Path) -> None:
    pauses = {"own": Pause("own", "migration", "ops", NOW - MINUTE, None)}
    found = planned(tmp_path, Known(pauses=pauses, switched_on={"off": True, "plain": False}))
    assert found.left_out == {
        "own": "paused: migration",
        "plain": "off",
        "looking": "conditional: every 5m when load.average > 4",
    }
    assert {each.name for each in found.planned} == {"nightly", "fast", "off"}


def test_given_a_pause_with_an_end_then_the_schedule_starts_there(tmp_path: Path) -> None:
    pauses = {"own": Pause("own", None, "ops", NOW - MINUTE, NOW + 90 * MINUTE)}
    (own,) = (each for each in planned(tmp_path, Known(pauses=pauses)).planned if each.name == "own")
    assert own.policies.start == NOW + 90 * MINUTE


def test_given_instants_that_were_run_before_their_time_then_only_the_others_are_played(
    tmp_path: Path,
) -> None:
    text = "schedules: {twice: {job: log_triage, at: [2026-03-03T09:00, 2026-03-04T09:00]}}"
    declarations = load_yard(tmp_path, text).declarations
    first, second = declarations.schedules["twice"].timing.instants  # type: ignore[union-attr]
    known = Known(anticipated={"twice": {first: "run"}})
    (twice,) = plan(declarations, NOW, known=known, assumed=MINUTE).planned
    assert twice.spec.instants == (second,)  # type: ignore[union-attr]
    known = Known(anticipated={"twice": {first: "run", second: "run"}})
    found = plan(declarations, NOW, known=known, assumed=MINUTE)
    assert found.left_out == {"twice": "completed: run before its time"}


def test_given_policies_and_priority_then_the_plan_carries_them(tmp_path: Path) -> None:
    found = {each.name: each for each in planned(tmp_path).planned}
    assert (found["nightly"].overlap, found["nightly"].max_global) == ("queue", 5)
    assert (found["own"].priority, found["fast"].max_per_job) == (3, 1)


def test_given_runs_in_storage_then_the_median_of_the_successful_ones_is_found(dagster_url: str) -> None:
    engine = sa.create_engine(dagster_url)
    add = sa.text(
        "INSERT INTO runs (run_id, snapshot_id, pipeline_name, status, run_body, start_time, end_time)"
        " VALUES (:id, NULL, 'clean', :status, '', 100, 100 + :seconds)"
    )
    tag = sa.text("INSERT INTO run_tags (run_id, key, value) VALUES (:id, :key, :value)")
    runs = [("SUCCESS", 10.0), ("SUCCESS", 20.0), ("SUCCESS", 90.0), ("FAILURE", 1.0)]
    with engine.begin() as connection:
        for number, (status, seconds) in enumerate(runs):
            run_id = f"run-{number}"
            connection.execute(add, {"id": run_id, "status": status, "seconds": seconds})
            for key, value in (("signalbox/schedule", "nightly"), ("signalbox/job", "clean")):
                connection.execute(tag, {"id": run_id, "key": key, "value": value})
    medians = median_durations(engine)
    engine.dispose()
    assert medians.schedules["nightly"] == medians.jobs["clean"] == dt.timedelta(seconds=20)

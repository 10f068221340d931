"""`signalbox prove` over a real database: runs tell the ledger how they went, and what is missing is named."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from scheduler_defs import database
from scheduler_defs.cli import main as program
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.timing import CronSpec, ExcludedDates, Policies
from tests.cases.ticking import Yard, at, schedule

NOW = at(20)


@pytest.fixture
def yard(dagster_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Yard]:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    yield Yard(database.engine())
    database.engine().dispose()


def proven(yard: Yard) -> tuple[dict[str, int], list[tuple[str, str]]]:
    found = replay(yard.engine, at(0), NOW, NOW).document()
    return found["accounted"], [(each["due"][11:16], each["problem"]) for each in found["problems"]]


def run(yard: Yard, sql: str, **values: object) -> None:
    with yard.engine.begin() as connection:
        connection.execute(sa.text(sql), values)


def test_given_a_day_with_an_outage_an_edit_and_a_pause_then_everything_is_accounted_for(yard: Yard) -> None:
    what = schedule()
    yard.serve(what, since=at(7, 30))
    for hour in (8, 9, 12):
        yard.tick(what, at(hour))
    half = schedule(timing=CronSpec(("30 * * * *",), "Europe/Lisbon"))
    yard.serve(half, since=at(14, 10))
    for hour in (14, 15, 16, 17, 18, 19):
        yard.tick(half, at(hour, 30))
    assert proven(yard) == ({"run": 9, "skipped": 0, "missed": 4}, [])


def test_given_an_entry_that_is_gone_then_the_command_names_it_and_exits_with_1(yard: Yard) -> None:
    what = schedule()
    yard.serve(what, since=at(17, 30))
    yard.tick(what, at(18))
    yard.tick(what, at(19))
    yard.tick(what, at(20))
    run(yard, "DELETE FROM signalbox.occurrences WHERE due = :due", due=at(19))
    argv = ["prove", "--from", at(17).isoformat(), "--to", at(20).isoformat(), "--json"]
    answer = CliRunner().invoke(program.build(argv), argv)
    document = json.loads(answer.stdout)
    assert answer.exit_code == 1
    assert (document["ok"], document["due"], document["accounted"]["run"]) == (False, 3, 2)
    (problem,) = document["problems"]
    assert (problem["schedule"], problem["problem"]) == ("s", "unexplained")
    assert problem["due"] == at(19).isoformat()


def test_given_an_excluded_day_then_nothing_was_due(yard: Yard) -> None:
    day = at(0).date()
    yard.serve(schedule(policies=Policies(exclude=(ExcludedDates(day, day),))), since=at(7, 30))
    assert proven(yard) == ({"run": 0, "skipped": 0, "missed": 0}, [])


def test_given_a_schedule_that_was_off_then_it_was_skipped_and_before_that_it_is_unexplained(
    yard: Yard,
) -> None:
    yard.serve(schedule(), since=at(15, 30))
    run(
        yard,
        "INSERT INTO signalbox.schedule_changes (schedule, at, change) VALUES ('s', :at, 'off')",
        at=at(17, 5),
    )
    assert proven(yard) == (
        {"run": 0, "skipped": 3, "missed": 0},
        [("16:00", "unexplained"), ("17:00", "unexplained")],
    )


def test_given_runs_that_nobody_ordered_then_they_are_extra_and_two_for_one_are_doubled(yard: Yard) -> None:
    what = schedule()
    yard.serve(what, since=at(17, 30))
    (launch,) = yard.tick(what, at(18)).launches
    yard.tick(what, at(19))
    assert launch.run_id is not None
    for run_id, tagged in ((launch.run_id, at(18)), ("other", at(18)), ("wild", at(19, 30))):
        run(
            yard,
            "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES (:id, 'r', 'SUCCESS', '{}')"
            " ON CONFLICT DO NOTHING",
            id=run_id,
        )
        for key, value in (("trigger", "schedule"), ("schedule", "s"), ("scheduled_for", tagged.isoformat())):
            run(
                yard,
                "INSERT INTO run_tags (run_id, key, value) VALUES (:id, :key, :value)",
                id=run_id,
                key=f"signalbox/{key}",
                value=value,
            )
    assert sorted(proven(yard)[1]) == [("18:00", "doubled"), ("18:00", "extra"), ("19:30", "extra")]


@pytest.mark.parametrize("ended", ["SUCCESS", "FAILURE", "CANCELED"])
def test_given_a_run_that_ends_and_is_deleted_then_its_occurrence_keeps_how_it_ended(
    yard: Yard, ended: str
) -> None:
    what = schedule()
    yard.serve(what, since=at(17, 30))
    outcome = yard.evaluate(what, at(18))
    yard.create(what, outcome, "NOT_STARTED")
    (launch,) = outcome.launches
    run(yard, "UPDATE runs SET status = 'FAILURE' WHERE run_id = :id", id=launch.run_id)
    body = json.dumps({"tags": {"signalbox/root_run": launch.run_id}})
    run(
        yard,
        "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES ('retry', 'r', 'QUEUED', :body)",
        body=body,
    )
    run(yard, "UPDATE runs SET status = :status WHERE run_id = 'retry'", status=ended)
    run(yard, "DELETE FROM runs")
    with yard.engine.connect() as connection:
        row = connection.execute(
            sa.text("SELECT status, attempts, created_at FROM signalbox.occurrences WHERE due = :due"),
            {"due": at(18)},
        ).one()
    assert (row.status, row.attempts) == (ended, 2)
    assert row.created_at is not None
    assert dt.datetime.now(dt.UTC) - row.created_at < dt.timedelta(minutes=5)

"""A scrape says how much of everything there is."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from scheduler_defs import database
from scheduler_defs.upkeep.metrics.collecting import scrape
from tests.unit.execution.core.setting import Setting


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def scraped() -> dict[tuple[str, ...], float]:
    text = scrape(database.engine(), now()).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_given_runs_in_several_states_then_a_scrape_counts_them(setting: Setting) -> None:
    for status in ("QUEUED", "QUEUED", "STARTED"):
        setting.run(status)
    setting.run("QUEUED", tags={"dagster-celery/queue": "gpu"})
    values = scraped()
    assert values["signalbox_queue_depth", "runs"] == 2
    assert values["signalbox_queue_depth", "gpu"] == 1
    assert values["signalbox_runs", "STARTED"] == 1
    assert values["signalbox_database_bytes",] > 0
    assert values["signalbox_ledger_gaps",] == 0


def test_given_runs_that_ended_then_their_length_and_start_are_histograms_of_the_last_hour(
    setting: Setting,
) -> None:
    moment = now()
    for took, waited, ago in ((0.3, 0.02, 60), (40.0, 3.0, 60), (40.0, 3.0, 7_200)):
        run = setting.run("SUCCESS")
        ended = moment - dt.timedelta(seconds=ago)
        began = ended - dt.timedelta(seconds=took)
        with database.engine().begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE runs SET end_time = :ended, start_time = :began, create_timestamp = :created,"
                    " update_timestamp = :updated WHERE run_id = :run"
                ),
                {
                    "run": run,
                    "ended": ended.timestamp(),
                    "began": began.timestamp(),
                    "created": (began - dt.timedelta(seconds=waited)).replace(tzinfo=None),
                    "updated": ended.replace(tzinfo=None),
                },
            )
    values = scraped()
    length = {
        key[1]: value for key, value in values.items() if key[0].endswith("length_last_hour_seconds_bucket")
    }
    assert (length["0.25"], length["0.5"], length["30"], length["60"], length["+Inf"]) == (0, 1, 1, 2, 2)
    assert values["signalbox_run_length_last_hour_seconds_sum", "SUCCESS"] == pytest.approx(40.3, abs=0.01)
    assert values["signalbox_run_start_last_hour_seconds_bucket", "0.05", "SUCCESS"] == 1
    assert values["signalbox_queue_wait_seconds", "0.95", "runs"] == pytest.approx(2.85, abs=0.1)


def test_given_late_decisions_ticks_passes_and_turns_then_each_is_a_number(setting: Setting) -> None:
    with database.engine().begin() as connection:
        for statement in (
            "INSERT INTO signalbox.occurrences (schedule, due, outcome, run_id, created_at, decided_at, decided_by)"
            " VALUES ('s', now() - interval '4 seconds', 'launched', 'r', now(), now(), 'd')",
            "INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)"
            " SELECT 'o', 's', 'SKIPPED', 'SCHEDULE', now() AT TIME ZONE 'UTC' - n * interval '9 minutes', '{}'"
            " FROM generate_series(0, 3) AS n",
            "INSERT INTO signalbox.daemons (id, host, pid, iteration_seconds) VALUES ('d', 'h', 1, 0.25)",
            "INSERT INTO signalbox.agent_turns (run_id, turn, backend, task_id, agent, queue, began_at, tokens)"
            " SELECT 'r', n, 'postgres', 1, 'vaela', 'dev', now() - n * interval '20 hours', 1000"
            " FROM generate_series(0, 2) AS n",
            "INSERT INTO signalbox.inbox (kind, subject, key, body, details, asked_by, closed_at)"
            " SELECT 'budget', 'budget:team', n, 'b', jsonb_build_object('budget', 'team', 'bucket', n), 'signalbox',"
            " CASE WHEN n > 1 THEN now() END FROM generate_series(0, 4) AS n",
        ):
            connection.execute(sa.text(statement))
    values = scraped()
    assert values["signalbox_budgets_reached", "team"] == 2
    assert values["signalbox_lateness_seconds", "0.95"] == pytest.approx(4)
    assert values["signalbox_ticks_last_10_minutes", "schedule", "skipped"] == 2
    assert values["signalbox_dequeue_seconds",] == 0.25
    assert values["signalbox_agent_tokens_last_day", "vaela"] == 2_000


def test_given_more_queues_than_are_told_apart_then_the_others_are_one(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_defs.upkeep.metrics.collecting.MOST_QUEUES", 2)
    for number in range(4):
        for _ in range(4 - number):
            setting.run("QUEUED", tags={"dagster-celery/queue": f"q{number}"})
    depth = {key[1]: value for key, value in scraped().items() if key[0] == "signalbox_queue_depth"}
    assert depth == {"q0": 4, "q1": 3, "other": 3}

"""The sensor on a real database: what is read, decided, written down and sent."""

from __future__ import annotations

import datetime as dt
import json

import dagster as dg
import pytest
import sqlalchemy as sa

from resources import DatabaseResource, NotifierResource, declared_resources
from scheduler_defs import database
from scheduler_defs.agents.deciding import Candidate
from scheduler_defs.agents.pool import assignments
from scheduler_defs.alerting.delivery import sending
from sensors import alerts
from sensors.alerts import alerts_sensors
from tests.unit.alerting.yard import Yard, declared

NOTIFIED = "schedules:\n  nightly: {job: line, cron: '0 2 * * *', notify: [file]}\nalerts:\n  channels:\n"
HOUR = dt.timedelta(hours=1)


def rule(on: str, **more: object) -> str:
    fields = {"on": on, "channels": ["file"], **more}
    return f"  rules:\n    rule: {json.dumps(fields)}\n"


def test_given_no_channel_when_sensors_are_built_then_there_is_none_for_alerts(yard: Yard) -> None:
    assert alerts_sensors(yard.declare("")) == []
    (sensor,) = alerts_sensors(yard.declare("alerts: {channels: {l: {type: log}}}\n"))
    assert sensor.name == "alerts"


def test_given_a_notified_schedule_when_it_fails_and_recovers_then_each_is_told_once(yard: Yard) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.run(schedule="nightly")
    yard.tick(declarations)
    assert yard.told == [], "what happened before the first look is history"

    failed = yard.run(schedule="nightly")
    said = yard.tick(declarations)
    assert said == "1 decided; 1 sent"
    yard.tick(declarations)
    assert yard.texts == ["schedule nightly: run failed: it fell over"]
    assert yard.told[0]["run_id"] == failed

    yard.run(schedule="nightly", ok=True)
    yard.tick(declarations)
    yard.tick(declarations)
    assert yard.texts[1:] == ["schedule nightly: well again after a failure"]


def test_given_an_address_for_people_then_an_alert_leads_there_and_not_to_where_programs_find_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_UI_URL", "http://127.0.0.1:3000")
    monkeypatch.setenv("SIGNALBOX_PUBLIC_URL", "https://ops.example/yard/")
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    failed = yard.run(schedule="nightly")
    yard.tick(declarations)
    assert yard.told[0]["url"] == f"https://ops.example/yard/runs/{failed}"


def test_given_a_failure_that_is_tried_again_when_looking_then_only_the_last_attempt_is_told(
    yard: Yard,
) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    first = yard.setting.run("STARTED", tags={"signalbox/schedule": "nightly", "signalbox/attempt": "1"})
    yard.setting.instance.add_run_tags(first, {"signalbox/retry_at": "2030-01-01T00:00:00.000+00:00"})
    yard.setting.report(first, dg.DagsterEventType.RUN_FAILURE, "once")
    yard.tick(declarations)
    assert yard.told == []

    yard.setting.instance.add_run_tags(first, {"signalbox/retry_at": "cancelled"})
    yard.tick(declarations)
    assert yard.texts == ["schedule nightly: run failed: once"]


@pytest.mark.parametrize(("tag", "told"), [("signalbox/retry_at", 1), ("signalbox/other", 0)])
def test_given_a_run_that_ended_long_ago_when_written_to_then_only_a_retry_called_off_is_told(
    yard: Yard, tag: str, told: int
) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    run_id = yard.run(schedule="nightly", **({"retry_at": "2030-01-01T00:00:00"} if told else {}))
    with database.engine().begin() as connection:
        connection.execute(sa.text("UPDATE runs SET end_time = end_time - 7200"))
    yard.setting.instance.add_run_tags(run_id, {tag: "cancelled"})
    yard.tick(declarations)
    assert len(yard.told) == told


def test_given_failed_ticks_when_three_follow_each_other_then_they_are_told_once_with_recovery(
    yard: Yard,
) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    for number in range(3):
        assert yard.told == []
        yard.tick_of("nightly", "FAILURE", error=f"no answer {number}")
        yard.tick(declarations)
    yard.tick_of("nightly", "FAILURE", error="no answer 3")
    yard.tick(declarations)
    yard.tick(declarations)
    assert yard.texts == ["schedule nightly: cannot be evaluated: no answer 2 (3 in a row)"]

    yard.tick_of("nightly", "SKIPPED", reason="not due")
    yard.tick(declarations)
    assert yard.texts[1:] == ["schedule nightly: well again after 4 failures"]


@pytest.mark.parametrize(("status", "told"), [("SKIPPED", 0), ("FAILURE", 1)])
def test_given_a_failed_tick_when_dagster_evaluates_it_again_then_its_last_outcome_counts(
    yard: Yard, status: str, told: int
) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file() + rule("tick_failed"))
    yard.tick(declarations)
    tick = yard.tick_of("nightly", "FAILURE", error="first")
    yard.tick(declarations)
    assert yard.told == []
    yard.end_tick(tick, "nightly", status, error="" if status == "SKIPPED" else "second")
    yard.tick(declarations)
    yard.tick(declarations)
    assert yard.texts == ["schedule nightly: cannot be evaluated: second"][:told]


def test_given_a_tick_that_ends_after_later_ones_when_looking_then_it_is_not_overlooked(yard: Yard) -> None:
    declarations = yard.declare("alerts:\n  channels:\n" + yard.to_file() + rule("tick_failed"))
    yard.tick(declarations)
    slow = yard.tick_of("slow", "STARTED", sensor=True)
    yard.tick_of("quick", "SKIPPED", sensor=True)
    yard.tick(declarations)
    assert yard.told == []
    yard.end_tick(slow, "slow", "FAILURE", error="timed out")
    yard.tick(declarations)
    yard.tick(declarations)
    assert yard.texts == ["sensor slow: cannot be evaluated: timed out"]


def test_given_a_lost_worker_when_its_runs_are_retried_then_the_worker_is_told_once(yard: Yard) -> None:
    declarations = yard.declare("alerts:\n  channels:\n" + yard.to_file() + rule("worker_lost"))
    yard.tick(declarations)
    for _ in range(2):
        yard.run(failure="worker_lost", error="no sign of life", worker="w1", retry_at="2030-01-01T00:00:00")
    yard.tick(declarations)
    assert yard.texts == ["worker w1: lost: job line: no sign of life"]


def test_given_missed_occurrences_when_the_ledger_says_so_then_they_are_told_with_whose_they_are(
    yard: Yard,
) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file() + rule("missed", throttle=0))
    yard.tick(declarations)
    # What a tick says in words is for people: nothing is read from it.
    yard.tick_of("nightly", "SKIPPED", reason="3 missed not caught up with (catch_up: none)")
    with database.engine().begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.occurrences"
                " (schedule, due, outcome, reason, numbers, run_id, tick, decided_at, decided_by)"
                " SELECT 'nightly', now() - make_interval(mins => n), 'missed', 'not_caught_up',"
                "  '{\"catch_up\": \"none\"}', NULL, date_trunc('hour', now()), now(), 'd'"
                " FROM generate_series(1, 3) AS n"
            )
        )
    yard.tick(declarations)
    yard.tick(declarations)
    assert yard.texts == ["schedule nightly: missed: 3 missed, not caught up with (catch_up: none)"]
    assert "owner" in yard.told[0]


def test_given_a_run_that_waits_too_long_when_looking_often_then_it_is_told_once(yard: Yard) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file() + rule("late", late_by="10m", throttle=0))
    yard.tick(declarations)
    now = dt.datetime.now(dt.UTC)
    yard.setting.run(
        "QUEUED",
        tags={
            "signalbox/schedule": "nightly",
            "signalbox/trigger": "schedule",
            "signalbox/scheduled_for": now.isoformat(),
        },
    )
    for minutes in (5, 15, 16, 40):
        yard.tick(declarations, now + dt.timedelta(minutes=minutes))
    assert len(yard.told) == 1
    assert "still waits 15m later" in yard.texts[0]


def test_given_a_dead_lettered_task_when_looking_then_its_queue_is_told(yard: Yard) -> None:
    agents = "agents:\n  vaela: {queue: dev, limit: 1, command: ['true']}\n"
    declarations = yard.declare(
        agents + "alerts:\n  channels:\n" + yard.to_file() + rule("task_failed", queues=["d*"])
    )
    yard.tick(declarations)
    with database.engine().begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.tasks (title, queue, status, created_by, finished_at)"
                " VALUES ('Migrate', 'dev', 'failed', 'me', now()), ('Other', 'qa', 'failed', 'me', now())"
            )
        )
    yard.tick(declarations)
    yard.tick(declarations)
    assert yard.texts == ["queue dev: task failed: task 1 Migrate"]


def test_given_a_task_elsewhere_whose_attempts_were_used_up_when_looking_then_its_queue_is_told_once(
    yard: Yard,
) -> None:
    agents = (
        "task_queue: {backend: tinytask, url: 'http://127.0.0.1:1'}\n"
        "agents:\n  vaela: {queue: dev, limit: 1, command: ['true']}\n"
    )
    declarations = yard.declare(
        agents + "alerts:\n  channels:\n" + yard.to_file() + rule("task_failed", queues=["d*"])
    )
    yard.tick(declarations)
    now = dt.datetime.now(dt.UTC)
    task = Candidate(7, created=now, attempts=3)
    for _ in range(2):  # the process that noted it died before the task queue knew
        with database.engine().begin() as connection:
            assignments.note_used_up(connection, "tinytask", "dev", [task], now)
        yard.tick(declarations)
    assert yard.texts == ["queue dev: task failed: task 7"]


def test_given_a_ring_of_tasks_when_it_stays_then_it_is_told_once_and_again_when_it_comes_back(
    yard: Yard,
) -> None:
    agents = "agents:\n  vaela: {queue: dev, limit: 1, command: ['true']}\n"
    declarations = yard.declare(
        agents + "alerts:\n  channels:\n" + yard.to_file() + rule("blocker_cycle", throttle=0)
    )
    yard.tick(declarations)
    for cycles in ([[3, 5, 3]], [[3, 5, 3]], [], [[3, 5, 3]]):
        yard.cursor("agent_queue_dev", {"cycles": cycles})
        yard.tick(declarations)
    assert yard.texts == ["queue dev, tasks 3 -> 5 -> 3: tasks wait for each other"] * 2


@pytest.mark.attack
def test_given_a_secret_in_an_error_when_it_is_told_then_it_is_nowhere(yard: Yard) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    yard.run(schedule="nightly", failure="error", error="login: password=hunter2secret refused")
    yard.tick(declarations)
    (told,) = yard.told
    with database.engine().connect() as connection:
        kept = connection.execute(
            sa.text(
                "SELECT (SELECT string_agg(document::text, '') FROM signalbox.alerts)"
                " || (SELECT string_agg(m::text, '') FROM signalbox.alert_memory AS m)"
            )
        ).scalar_one()
    assert "hunter2secret" not in json.dumps(told) + kept
    assert "refused" in told["text"]


def test_given_a_kill_between_deciding_and_sending_when_looking_again_then_it_is_sent_once(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    yard.run(schedule="nightly")
    with monkeypatch.context() as killed:
        killed.setattr(sending, "send_due", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            yard.tick(declarations)
    assert yard.told == []
    yard.tick(declarations)
    yard.tick(declarations)
    assert len(yard.told) == 1


def test_given_a_rule_that_breaks_when_deciding_then_the_others_are_told(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler_defs.alerting.rules import deciding

    declarations = yard.declare(NOTIFIED + yard.to_file() + rule("run_failed"))
    yard.tick(declarations)
    wrong = deciding._wrong

    def breaking(watch: object, *rest: object) -> object:
        if getattr(watch, "name", "") == "rule":
            raise RuntimeError("broken")
        return wrong(watch, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(deciding, "_wrong", breaking)
    yard.run(schedule="nightly")
    said = yard.tick(declarations)
    assert said == "1 decided; 1 sent; rule: RuntimeError: broken"
    assert yard.told[0]["rule"] == "notify of nightly"


def test_given_a_rule_and_notify_for_one_channel_when_a_run_fails_then_it_hears_it_once(yard: Yard) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file() + rule("run_failed"))
    yard.tick(declarations)
    yard.run(schedule="nightly")
    yard.tick(declarations)
    assert [each["rule"] for each in yard.told] == ["rule"]


def test_given_rules_come_later_when_the_first_one_is_declared_then_the_past_is_not_told(yard: Yard) -> None:
    without = yard.declare("alerts:\n  channels:\n" + yard.to_file())
    yard.tick(without)
    yard.run(schedule="nightly")
    yard.tick(without)
    yard.tick(yard.declare(NOTIFIED + yard.to_file()))
    assert yard.told == []


def test_given_memory_that_cannot_be_read_when_looking_then_it_begins_anew(yard: Yard) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    with database.engine().begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.alert_memory SET streaks = '[7]'"))
    yard.tick(declarations)
    yard.run(schedule="nightly")
    yard.tick(declarations)
    assert len(yard.told) == 1


def test_given_a_healthy_yard_when_ticking_then_it_costs_two_reading_statements(yard: Yard) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    yard.run(schedule="nightly", ok=True)
    statements: list[str] = []

    def note(_c: object, _cur: object, statement: str, *_: object) -> None:
        statements.append(" ".join(statement.split()))

    sa.event.listen(database.engine(), "before_cursor_execute", note)
    try:
        yard.tick(declarations)
    finally:
        sa.event.remove(database.engine(), "before_cursor_execute", note)
    assert sum("FROM runs" in each or "FROM job_ticks" in each for each in statements) == 2
    assert len(statements) <= 5, statements


def test_given_the_sensor_when_evaluated_by_dagster_then_it_skips_with_its_numbers(yard: Yard) -> None:
    declarations = declared(yard.folder / "config", NOTIFIED + yard.to_file())
    (sensor,) = alerts.alerts_sensors(declarations)
    data = sensor.evaluate_tick(
        dg.build_sensor_context(yard.setting.instance, resources=declared_resources(declarations))
    )
    assert data.skip_message == "0 decided; 0 sent"


@pytest.mark.case("recovery-X2")
def test_given_a_preview_in_the_ui_then_nothing_is_sent_and_the_next_tick_tells_it(yard: Yard) -> None:
    declarations = yard.declare(NOTIFIED + yard.to_file())
    yard.tick(declarations)
    yard.run(schedule="nightly")
    context = dg.build_sensor_context(yard.setting.instance)
    context._log_key = ["signalbox", "alerts", "20260302_100000"]
    now = dt.datetime.now(dt.UTC)
    said = alerts.tick(declarations, context, now, DatabaseResource().engine(), NotifierResource())
    assert said.startswith("would decide 1 and send them; schedule nightly")
    assert yard.told == []
    with database.engine().connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM signalbox.alerts")).scalar_one() == 0
    assert yard.tick(declarations) == "1 decided; 1 sent"

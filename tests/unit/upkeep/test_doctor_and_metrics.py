"""The doctor finds what is wrong, and a scrape says how much of everything there is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from scheduler_defs import database
from scheduler_defs.declarations import load
from scheduler_defs.settings import settings
from scheduler_defs.upkeep.doctor.checks import Check, Patient, examine
from scheduler_defs.upkeep.metrics.collecting import scrape
from tests.unit.execution.core.setting import Setting

ROOT = Path(__file__).parents[3]
YARD = """
alerts:
  channels: {team: {type: webhook, url_env: TEAM_HOOK}}
jobs: {nap: {command: [sleep, "1"]}}
schedules:
  over: {job: nap, every: 1h, end: 2020-01-01}
  going: {job: nap, every: 1h}
"""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def patient(setting: Setting, tmp_path: Path) -> Patient:
    config = tmp_path / "config"
    config.mkdir()
    (config / "yard.yaml").write_text(YARD)
    declarations = load(config).declarations
    return Patient(settings(), declarations, database.engine(), {}, now)


def found(patient: Patient) -> dict[str, Check]:
    return {check.name: check for check in examine(patient)}


def test_given_a_stack_at_rest_then_only_what_is_wrong_is_named_with_what_to_do(patient: Patient) -> None:
    checks = found(patient)
    wrong = {name for name, check in checks.items() if not check.ok}
    assert wrong - {"disk", "inodes"} == {"workers", "schedules", "channels"}
    assert "over" in checks["schedules"].detail
    assert "TEAM_HOOK" in checks["channels"].detail
    assert all(check.advice for check in checks.values() if not check.ok)
    assert not any(check.advice for check in checks.values() if check.ok)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (
            "INSERT INTO signalbox.workers (id, host, pid, queues, slots, heartbeat)"
            " VALUES ('w', 'h', 1, '{runs}', 2, now() - interval '5 minutes')",
            "workers",
        ),
        (
            "INSERT INTO signalbox.occurrences (schedule, due, outcome, run_id, decided_at, decided_by)"
            " VALUES ('s', now(), 'launched', 'r', now() - interval '5 minutes', 'd')",
            "occurrences",
        ),
        ("UPDATE signalbox.alembic_version SET version_num = '0001'", "migrations"),
        (
            "INSERT INTO signalbox.audit_log (actor, channel, action, subject, at)"
            " VALUES ('a', 'cli', 'x', 'y', now() - interval '1 hour')",
            "audit",
        ),
        (
            "INSERT INTO signalbox.alerts (channel, rule, document, given_up_at) VALUES ('c', 'r', '{}', now())",
            "alerts",
        ),
    ],
)
def test_given_a_fault_in_the_database_then_its_check_fails(
    patient: Patient, statement: str, name: str
) -> None:
    with database.engine().begin() as connection:
        connection.execute(sa.text(statement))
    assert not found(patient)[name].ok


def test_given_a_state_folder_that_is_open_then_it_is_named(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o755)
    assert "logs" in found(patient)["state folder"].detail


def test_given_a_clock_that_is_wrong_then_the_skew_is_said(patient: Patient) -> None:
    wrong = Patient(
        patient.place, patient.declarations, patient.engine, {}, lambda: now() + dt.timedelta(minutes=3)
    )
    check = found(wrong)["clock"]
    assert not check.ok
    assert check.detail.startswith(("180", "179"))


def test_given_runs_in_several_states_then_a_scrape_counts_them(setting: Setting) -> None:
    for status in ("QUEUED", "QUEUED", "STARTED"):
        setting.run(status)
    setting.run("QUEUED", tags={"dagster-celery/queue": "gpu"})
    text = scrape(database.engine(), now()).decode()
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["signalbox_queue_depth", "runs"] == 2
    assert values["signalbox_queue_depth", "gpu"] == 1
    assert values["signalbox_runs", "STARTED"] == 1
    assert values["signalbox_database_bytes",] > 0
    assert values["signalbox_ledger_gaps",] == 0

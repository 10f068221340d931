"""The doctor finds what is wrong, with what to do about it."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.audit.signing import signing_key
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.evaluation.live import version_of
from scheduler_defs.ledger.versions import come_into_force
from scheduler_defs.settings import settings
from scheduler_defs.upkeep.doctor.checks import Check, Patient, examine
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
    assert wrong - {"disk", "inodes"} == {"workers", "queues", "schedules", "channels"}
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
            "INSERT INTO signalbox.workers (id, host, pid, queues, slots, versions)"
            """ VALUES ('w', 'h', 1, '{runs}', 2, '{"signalbox": "0.0.1", "dagster": "1.0"}')""",
            "versions",
        ),
        (
            "INSERT INTO runs (run_id, status, run_body) VALUES ('lost', 'STARTED', '{}');"
            "INSERT INTO signalbox.leases (run_id, worker_id, host, pid, queue, token, expires)"
            " VALUES ('lost', 'w', 'h', 1, 'runs', gen_random_uuid(), now() - interval '5 minutes')",
            "leases",
        ),
        (
            "INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)"
            " VALUES ('o', 's', 'FAILURE', 'SENSOR', now() AT TIME ZONE 'UTC', '{}')",
            "sensors",
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


def test_given_a_queue_that_no_live_worker_serves_then_it_is_named(
    patient: Patient, setting: Setting
) -> None:
    setting.run("QUEUED", tags={"dagster-celery/queue": "gpu"})
    with database.engine().begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.workers (id, host, pid, queues, slots) VALUES ('w', 'h', 1, '{runs}', 2)"
            )
        )
    assert found(patient)["queues"].detail == "1 that no live worker serves: gpu"


def test_given_an_occurrence_of_which_nothing_is_written_then_the_oldest_is_named(patient: Patient) -> None:
    schedule = patient.declarations.schedules["going"]
    due = now().replace(minute=0, second=0, microsecond=0)
    in_force = Declarations(schedules={schedule.name: schedule}, jobs=patient.declarations.jobs)
    come_into_force(patient.engine, version_of(in_force), at=due - dt.timedelta(hours=3), actor="me")
    late = replace(patient, now=lambda: due + dt.timedelta(minutes=30))
    check = found(late)["undecided"]
    assert not check.ok
    assert f"the oldest going at {due.isoformat()}" in check.detail
    early = replace(patient, now=lambda: due - dt.timedelta(hours=2, minutes=59))
    assert found(early)["undecided"].ok


def test_given_few_open_files_or_a_full_disk_then_they_are_named(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.statvfs_result((4096, 4096, 1000, 10, 10, 1000, 10, 10, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda path: full)
    monkeypatch.setattr("resource.getrlimit", lambda which: (256, 4096))
    checks = found(patient)
    assert [checks[name].ok for name in ("disk", "inodes", "open files")] == [False] * 3


def test_given_a_key_that_others_may_read_then_it_is_named(patient: Patient) -> None:
    signing_key(patient.place.state / "audit")
    (patient.place.state / "audit" / "signing.key").chmod(0o644)
    assert "audit/signing.key" in found(patient)["state folder"].detail


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

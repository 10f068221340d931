"""What is old goes in small batches; what somebody may still need stays, and says why."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.audit.entries import Entry
from scheduler_defs.audit.sealing import seal
from scheduler_defs.audit.signing import signing_key
from scheduler_defs.audit.store import Query, read, record
from scheduler_defs.audit.verifying import verify
from scheduler_defs.database.pacing import LIMIT_SECONDS, Pace, next_size
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.settings.retention import Keep, Retention, RetentionRule
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.settings import settings
from scheduler_defs.upkeep.retention.prune import Pruned, is_due, prune
from tests.unit.execution.core.setting import Setting

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
OLD = NOW - dt.timedelta(days=200)
RETENTION = Retention(runs=Keep(age=dt.timedelta(days=90), most=5))


def ended(
    setting: Setting,
    status: str,
    at: dt.datetime,
    given: Mapping[str, str] | None = None,
    schedule: str = "nightly",
) -> str:
    """A run of a schedule that ended then; one in another status was last written then."""
    run_id = setting.run(status, tags={tags.SCHEDULE: schedule, tags.JOB: "report", **(given or {})})
    setting.report(run_id, dg.DagsterEventType.ENGINE_EVENT, "said something")
    with database.engine().begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE runs SET status = :status, end_time = :ended, create_timestamp = :at, update_timestamp = :at"
                " WHERE run_id = :run"
            ),
            {
                "run": run_id,
                "status": status,
                "at": at.replace(tzinfo=None),
                "ended": at.timestamp() if status in ("SUCCESS", "FAILURE", "CANCELED") else None,
            },
        )
        connection.execute(
            sa.text("UPDATE event_logs SET timestamp = :at WHERE run_id = :run"),
            {"run": run_id, "at": at.replace(tzinfo=None)},
        )
    return run_id


def pruned(*, dry_run: bool = False, retention: Retention = RETENTION) -> Pruned:
    return prune(database.engine(), retention, settings(), NOW, dry_run=dry_run)


def there(setting: Setting, *runs: str) -> list[bool]:
    return [setting.instance.get_run_by_id(run) is not None for run in runs]


def test_given_old_runs_then_they_go_and_the_last_success_and_failure_stay(setting: Setting) -> None:
    old = [ended(setting, status, OLD) for status in ("SUCCESS", "FAILURE", "CANCELED", "SUCCESS", "FAILURE")]
    other = ended(setting, "SUCCESS", OLD, schedule="weekly")
    young = ended(setting, "CANCELED", NOW - dt.timedelta(days=1))
    would = pruned(dry_run=True)
    assert there(setting, *old, other, young) == [True] * 7
    done = pruned()
    assert there(setting, *old, other, young) == [False, False, False, True, True, True, True]
    assert done.kept == {"last_failure": 1, "last_success": 2}
    assert (would.runs, would.events, would.kept) == (done.runs, done.events, done.kept)
    assert (done.runs, done.events) == (3, 3 + 3)  # the log lines of the three that stay are old, too
    assert setting.events(old[0]) == []
    assert pruned().runs == 0


def test_given_what_is_still_needed_then_it_stays_and_says_why(setting: Setting) -> None:
    running = ended(setting, "STARTED", OLD)
    waiting = ended(setting, "FAILURE", OLD, {tags.RETRY_AT: "2025-11-13T12:01:00.000+00:00"})
    called_off = ended(setting, "FAILURE", OLD, {tags.RETRY_AT: tags.RETRY_CANCELLED})
    ended(setting, "FAILURE", OLD)
    parent = ended(setting, "STARTED", OLD)
    child = ended(setting, "SUCCESS", OLD, {tags.DAGSTER_PARENT_RUN: parent})
    ended(setting, "SUCCESS", OLD)
    asked = {"dagster/run_key": "k", "dagster/sensor_name": "s", tags.TRIGGER: "sensor"}
    keyed = ended(setting, "CANCELED", OLD, asked)
    done = pruned()
    assert there(setting, running, waiting, parent, child, keyed) == [True] * 5
    assert there(setting, called_off) == [False]
    assert done.kept == {
        "last_failure": 1,
        "last_success": 1,
        "not_finished": 2,
        "retry_of_kept": 1,
        "retry_waits": 1,
        "run_key": 1,
    }
    pruned(retention=RETENTION.model_copy(update={"run_keys": dt.timedelta(days=100)}))
    assert there(setting, keyed) == [False]


def test_given_more_runs_than_stay_then_the_oldest_of_each_job_schedule_and_status_go(
    setting: Setting,
) -> None:
    young = [ended(setting, "SUCCESS", NOW - dt.timedelta(hours=9 - n)) for n in range(8)]
    others = [ended(setting, "SUCCESS", NOW - dt.timedelta(hours=1), schedule="other") for _ in range(5)]
    done = pruned()
    assert there(setting, *young) == [False] * 3 + [True] * 5
    assert there(setting, *others) == [True] * 5
    assert done.runs == 3
    rule = RetentionRule(schedules=("oth*",), status=("success",), keep=Keep(most=2))
    pruned(retention=RETENTION.model_copy(update={"rules": (rule,)}))
    assert there(setting, *others) == [False] * 3 + [True] * 2


def test_given_an_asset_then_the_run_of_its_last_materialization_stays(setting: Setting) -> None:
    runs: list[str] = []
    for _ in range(2):
        run_id = setting.run("STARTED", tags={tags.JOB: "report"})
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="line",
            step_key="s",
            event_specific_data=_materialized(),
        )
        setting.instance.report_dagster_event(event, run_id=run_id)
        runs.append(run_id)
    with database.engine().begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE runs SET status = 'CANCELED', end_time = :at, create_timestamp = to_timestamp(:at)"
            ),
            {"at": OLD.timestamp()},
        )
    done = pruned()
    assert there(setting, *runs) == [False, True]
    assert done.kept == {"asset": 1}
    latest = setting.instance.get_latest_materialization_event(dg.AssetKey("table"))
    assert latest is not None
    assert latest.run_id == runs[1]
    assert len(setting.instance.fetch_materializations(dg.AssetKey("table"), limit=10).records) == 1


def _materialized() -> object:
    from dagster._core.events import StepMaterializationData

    return StepMaterializationData(dg.AssetMaterialization(asset_key="table", tags={"a": "b"}), [])


def test_given_files_of_runs_then_those_that_are_old_or_of_nobody_go(
    setting: Setting, tmp_path: Path
) -> None:
    kept = ended(setting, "SUCCESS", OLD)
    recent = ended(setting, "CANCELED", NOW - dt.timedelta(days=40))
    place = settings()
    files = {
        name: place.state / name / run / "f" for name, run in (("artifacts", kept), ("compute_logs", recent))
    }
    files["recent"] = place.artifacts / recent / "f"
    files["nobody"] = place.artifacts / str(uuid.uuid4()) / "f"
    for file in files.values():
        file.parent.mkdir(parents=True)
        file.write_bytes(b"12345")
    long_ago = OLD.timestamp()
    os.utime(files["nobody"].parent, (long_ago, long_ago))
    would = pruned(dry_run=True)
    assert all(file.exists() for file in files.values())
    done = pruned()
    assert (done.artifacts, would.artifacts) == (2, 2)
    assert {name for name, file in files.items() if file.exists()} == {"artifacts", "recent"}
    assert done.bytes >= 10


def test_given_an_old_ledger_then_prove_begins_where_it_does(setting: Setting) -> None:
    engine = database.engine()
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.declaration_versions (hash, content, actor, since) VALUES ('h', '{}', 'a', :at)"
            ),
            {"at": NOW - dt.timedelta(days=900)},
        )
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.occurrences (schedule, due, outcome, run_id, created_at, decided_at, decided_by)"
                " SELECT 'nightly', due, 'launched', gen_random_uuid()::text, due, due, 'd'"
                " FROM generate_series(CAST(:first AS timestamptz), :last, interval '1 day') AS due"
            ),
            {"first": NOW - dt.timedelta(days=800), "last": NOW - dt.timedelta(days=300)},
        )
    would, done = pruned(dry_run=True), pruned()
    assert would.others["occurrences"] == done.others["occurrences"] == 400
    found = replay(engine, NOW - dt.timedelta(days=900), NOW - dt.timedelta(days=500), NOW)
    assert found.ok
    assert found.begin == NOW - RETENTION.ledger


def test_given_an_old_audit_then_what_is_left_still_verifies_and_says_what_was_pruned(
    setting: Setting,
) -> None:
    engine = database.engine()
    with engine.begin() as connection:
        record(connection, *(Entry("x.y", f"thing:{number}") for number in range(2500)))
        connection.execute(sa.text("ALTER TABLE signalbox.audit_log DISABLE TRIGGER audit_only_grows"))
        connection.execute(
            sa.text("UPDATE signalbox.audit_log SET at = :at WHERE id <= 2400"),
            {"at": NOW - dt.timedelta(days=800)},
        )
        connection.execute(sa.text("ALTER TABLE signalbox.audit_log ENABLE TRIGGER audit_only_grows"))
    seal(engine)
    assert pruned(dry_run=True).others["audit"] == 2400
    assert pruned().others["audit"] == 2400
    seal(engine)
    key = signing_key(settings().state / "audit").public
    with engine.connect() as connection:
        verdict = verify(connection, key, ())
        assert (verdict.problems, verdict.first) == ([], 2401)
        newest = read(connection, Query(action="upkeep.pruned"))[0]
    assert newest.after is not None
    assert newest.after["audit"] == 2400
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.audit_anchors SET hash = repeat('0', 64)"))
        assert not verify(connection, key, ()).ok


def test_given_a_pass_a_day_ago_then_another_is_due(setting: Setting) -> None:
    engine, day = database.engine(), dt.timedelta(days=1)
    assert not is_due(engine, day, NOW)
    ended(setting, "SUCCESS", NOW - dt.timedelta(hours=23))
    assert not is_due(engine, day, NOW)
    assert is_due(engine, day, NOW + day)
    pruned()
    assert not is_due(engine, day, NOW + dt.timedelta(hours=23))
    assert is_due(engine, day, NOW + day)


@pytest.mark.parametrize(
    ("size", "took", "wanted"), [(50, 0.02, 50), (50, 0.04, 25), (50, 0.001, 76), (20, 9, 1)]
)
def test_batches_grow_and_shrink_by_how_long_they_take(size: int, took: float, wanted: int) -> None:
    assert next_size(size, took) == wanted


def test_given_a_part_that_takes_too_long_then_it_is_taken_back_and_tried_with_less(
    setting: Setting,
) -> None:
    pace, alone = Pace(database.engine()), []
    slow = {3: 3 * LIMIT_SECONDS}

    def act(connection: sa.Connection, part: Sequence[int]) -> list[int]:
        seconds = sum(slow.get(item, 0.0) for item in part)
        connection.execute(sa.text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
        return list(part)

    found = [item for part in pace.each(range(20), act, alone=alone.append) for item in part]
    assert found == list(range(20))
    assert alone == [3] and pace.taken_back >= 3
    assert pace.longest_seconds >= 3 * LIMIT_SECONDS  # a single one takes as long as it takes


def test_given_what_people_and_agents_left_then_it_goes_with_old_assignments(setting: Setting) -> None:
    with database.engine().begin() as connection:
        for at in (NOW - dt.timedelta(days=500), NOW):
            values = {"at": at, "key": at.isoformat()}
            connection.execute(
                sa.text(
                    "INSERT INTO signalbox.inbox (kind, subject, key, body, asked_by, closed_at)"
                    " VALUES ('question', 'task:1', :key, 'which?', 'vaela', :at)"
                ),
                values,
            )
            connection.execute(
                sa.text(
                    "INSERT INTO signalbox.agent_sessions"
                    " (id, cli, backend, task_id, agent, host, run_id, state, last_seen)"
                    " VALUES (:key, 'claude', 'postgres', 1, 'vaela', 'here', 'r', 'ended', :at)"
                ),
                values,
            )
    would = pruned(dry_run=True)
    done = pruned()
    assert {kind: done.others[kind] for kind in would.others} == would.others
    assert (done.others["questions"], done.others["sessions"], done.others["landings"]) == (1, 1, 0)
    again = pruned()
    assert (again.others["questions"], again.others["sessions"]) == (0, 0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ledger: 7d", "ledger is 1w; allowed are 5w and more"),
        ("audit: 30d", "audit is 30d; allowed are 90d and more"),
        ("rules: [{jobs: a}]", "says neither age nor most"),
        ("rules: [{status: lost, age: 1d}]", "success"),
        ("runs: {most: 0}", "1"),
        ("runs: {age: 0s}", "longer than 0s"),
        ("logs: 3d", "unknown key"),
    ],
)
def test_what_is_declared_wrongly_is_a_fault_that_says_what_is_allowed(
    text: str, fault: str, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(f"retention:\n  {text}\n")
    (problem,) = load(tmp_path).problems
    assert fault in str(problem)


def test_given_declared_ages_then_the_first_rule_that_covers_a_run_counts(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "retention:\n  runs: {age: 60d}\n  ticks: 3d\n  rules:\n"
        "    - {jobs: [heart*], status: success, most: 10}\n    - {schedules: x, age: 1d}\n"
    )
    retention = load(tmp_path).declarations.retention
    days = dt.timedelta(days=1)
    assert retention.of("heartbeat", "x", "SUCCESS") == Keep(age=60 * days, most=10)
    assert retention.of("heartbeat", "x", "FAILURE") == Keep(age=days)
    assert retention.of("other", None, "FAILURE") == Keep(age=60 * days)
    assert retention.ticks == 3 * days

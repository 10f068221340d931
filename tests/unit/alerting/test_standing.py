"""What is wrong now is told once when it begins, and is over when it is no longer so."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.declarations import load
from tests.unit.alerting.yard import Yard

NOW = dt.datetime.now(dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def rules(yard: Yard, **given: str) -> str:
    lines = "".join(
        f"    {name}: {{on: {name}, channels: file, throttle: 0{more}}}\n" for name, more in given.items()
    )
    return "alerts:\n  channels:\n" + yard.to_file() + "  rules:\n" + lines


def execute(text: str, **values: object) -> None:
    with database.engine().begin() as connection:
        connection.execute(sa.text(text), values)


def ran(yard: Yard, seconds: float, status: str = "SUCCESS", began: dt.datetime = NOW) -> str:
    run_id = yard.setting.run(status, tags={"signalbox/job": "line"})
    execute(
        "UPDATE runs SET start_time = :began, end_time = CASE WHEN status = 'STARTED' THEN NULL ELSE :ended END,"
        " update_timestamp = now() AT TIME ZONE 'UTC' WHERE run_id = :run",
        began=began.timestamp(),
        ended=began.timestamp() + seconds,
        run=run_id,
    )
    return run_id


def test_given_runs_of_other_lengths_than_usual_then_they_are_told(yard: Yard) -> None:
    declarations = yard.declare(rules(yard, too_long="", too_fast=""))
    yard.tick(declarations, NOW)
    for _ in range(6):
        ran(yard, 100)
    going = ran(yard, 0, "STARTED", NOW - 4 * MINUTE)
    yard.tick(declarations, NOW)
    assert yard.told == []
    ran(yard, 1)
    yard.tick(declarations, NOW + 2 * MINUTE)
    yard.tick(declarations, NOW + 3 * MINUTE)
    assert sorted(yard.texts) == [
        "job line: suspiciously quick: it took 1.0 s, where 1m40s are usual",
        "job line: takes too long: it has run for more than 5m",
    ]
    assert going in {each["run_id"] for each in yard.told}


def test_given_queues_that_do_not_move_then_they_are_told_until_they_do(yard: Yard) -> None:
    declarations = yard.declare(
        rules(yard, queue_depth=", number: 2", queue_wait=", over: 5m", nothing_assigned=", over: 5m")
    )
    yard.tick(declarations, NOW)
    execute(
        "INSERT INTO signalbox.tasks (title, queue, created_by, ready_at)"
        " SELECT 't', 'dev', 'me', :at FROM generate_series(1, 3)",
        at=NOW - 10 * MINUTE,
    )
    yard.tick(declarations, NOW)
    yard.tick(declarations, NOW + MINUTE)
    texts = [
        "queue dev: nothing is given out: tasks wait, and none was given out for 5m",
        "queue dev: too deep: more than 2 wait",
        "queue dev: waits too long: the first has waited for more than 5m",
    ]
    assert sorted(yard.texts) == texts
    execute("DELETE FROM signalbox.tasks")
    yard.tick(declarations, NOW + 2 * MINUTE)
    execute(
        "INSERT INTO signalbox.tasks (title, queue, created_by, ready_at) VALUES ('t', 'dev', 'me', :at)",
        at=NOW - 10 * MINUTE,
    )
    yard.tick(declarations, NOW + 3 * MINUTE)
    assert len(yard.told) == 5


def test_given_tasks_that_are_due_then_it_is_told_when_that_is_near_and_when_it_has_passed(
    yard: Yard,
) -> None:
    declarations = yard.declare(rules(yard, deadline_near=", over: 1h", overdue=""))
    yard.tick(declarations, NOW)
    execute(
        "INSERT INTO signalbox.tasks (title, queue, created_by, deadline)"
        " SELECT 'the report', 'dev', 'me', CAST(:now AS timestamptz) + after * interval '1 minute'"
        " FROM unnest(ARRAY[30, 90, NULL]) AS after",
        now=NOW,
    )
    yard.tick(declarations, NOW + MINUTE)
    due = (NOW + 30 * MINUTE).strftime("%Y-%m-%d %H:%M UTC")
    (first,) = yard.texts
    assert first.endswith(f": due soon: the report: wanted by {due}")
    yard.tick(declarations, NOW + 31 * MINUTE)
    yard.tick(declarations, NOW + 32 * MINUTE)
    assert any(text.endswith(f": overdue: the report: wanted by {due}") for text in yard.texts)


def test_given_tasks_that_take_long_and_no_bound_then_a_deadline_is_near_as_soon_as_that(yard: Yard) -> None:
    declarations = yard.declare(rules(yard, deadline_near=""))
    yard.tick(declarations, NOW)
    execute(
        "INSERT INTO signalbox.tasks (title, queue, created_by, deadline)"
        " SELECT queue, queue, 'me', CAST(:now AS timestamptz) + interval '7 hours'"
        " FROM unnest(ARRAY['slow', 'quick']) AS queue",
        now=NOW,
    )
    execute(
        "INSERT INTO signalbox.assignments"
        " (run_key, backend, task_id, queue, agent, attempt, max_attempts, claimed_at, ended_at, ending)"
        " SELECT queue || n, 'postgres', 1000 + n, queue, 'vaela', 1, 1,"
        " CAST(:now AS timestamptz) - hours * interval '1 hour', :now, 'complete'"
        " FROM (VALUES ('slow', 8), ('quick', 1)) AS took (queue, hours), generate_series(1, 5) AS n",
        now=NOW,
    )
    yard.tick(declarations, NOW + MINUTE)
    (told,) = yard.texts
    assert ": due soon: slow: wanted by " in told


def test_given_a_budget_that_is_used_up_then_it_is_told_until_somebody_allows_more(yard: Yard) -> None:
    declarations = yard.declare(rules(yard, budget_reached=""))
    yard.tick(declarations, NOW)
    execute(
        "INSERT INTO signalbox.inbox (kind, subject, key, body, details, asked_by) VALUES"
        " ('budget', 'budget:team', 'k', 'budget team reached: $41.20 of $40.00 (day=2026-11-29)."
        " Allow as much again?', jsonb_build_object('budget', 'team', 'bucket', 'day=2026-11-29'), 'signalbox')"
    )
    yard.tick(declarations, NOW + MINUTE)
    yard.tick(declarations, NOW + 2 * MINUTE)
    assert yard.texts == [
        "budget team (day=2026-11-29): used up: budget team reached: $41.20 of $40.00 (day=2026-11-29)"
    ]
    execute("UPDATE signalbox.inbox SET closed_at = now()")
    yard.tick(declarations, NOW + 3 * MINUTE)
    execute("UPDATE signalbox.inbox SET closed_at = NULL")
    yard.tick(declarations, NOW + 4 * MINUTE)
    assert len(yard.texts) == 2, "used up again is news again"


def test_given_a_silent_worker_a_full_disk_and_no_backup_then_they_are_told(yard: Yard) -> None:
    declarations = yard.declare(
        rules(yard, worker_gone="", disk_low=", number: 1000000", backup_failed="", review="")
    )
    yard.tick(declarations, NOW)
    execute(
        "INSERT INTO signalbox.workers (id, host, pid, queues, slots, heartbeat, draining) VALUES"
        " ('w1', 'h', 1, '{}', 1, :silent, false), ('w2', 'h', 2, '{}', 1, :silent, true),"
        " ('w3', 'h', 3, '{}', 1, :now, false)",
        silent=NOW - 2 * MINUTE,
        now=NOW,
    )
    run_id = ran(yard, 1, "FAILURE")
    execute("UPDATE runs SET pipeline_name = 'database_backup' WHERE run_id = :run", run=run_id)
    execute(
        "INSERT INTO asset_check_executions (asset_key, check_name, run_id, execution_status)"
        """ VALUES ('["schedule_review"]', 'failing', 'r', 'FAILED'),"""
        """ ('["schedule_review"]', 'ignored', 'r', 'SUCCEEDED')"""
    )
    (yard.folder / "state").mkdir(exist_ok=True)
    yard.tick(declarations, NOW)
    assert sorted(text.partition(": ")[0] for text in yard.texts) == [
        f"disk of {yard.folder / 'state'}",
        "job database_backup",
        "review failing",
        "worker w1",
    ]


def test_given_what_cannot_be_accounted_for_then_it_is_told_within_ten_minutes(yard: Yard) -> None:
    declarations = yard.declare(rules(yard, unproven=""))
    yard.tick(declarations, NOW)
    execute(
        "INSERT INTO signalbox.declaration_versions (hash, content, actor, since) VALUES ('h', '{}', 'me', :at)",
        at=NOW - 100 * MINUTE,
    )
    execute(
        "INSERT INTO signalbox.occurrences (schedule, due, outcome, run_id, decided_at, decided_by)"
        " VALUES ('s', :at, 'launched', 'r', :at, 'd')",
        at=NOW - 50 * MINUTE,
    )
    for minutes in (0, 11, 12, 22):
        yard.tick(declarations, NOW + minutes * MINUTE)
    assert yard.texts == [
        "schedule s: unproven: 1 occurrences of the last day are not accounted for: `signalbox prove`"
    ]


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("on: run_failed, over: 5m", "over goes with on: too_long"),
        ("on: queue_wait, number: 5", "number goes with on: queue_depth, disk_low"),
    ],
)
def test_a_bound_that_says_nothing_is_a_fault(rule: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        f"alerts:\n  channels: {{book: {{type: log}}}}\n  rules:\n    r: {{{rule}, channels: book}}\n"
    )
    (problem,) = load(tmp_path).problems
    assert fault in str(problem)


def test_given_something_that_cannot_be_looked_at_then_all_else_is_told(yard: Yard) -> None:
    declarations = yard.declare(rules(yard, disk_low="", run_failed="", queue_depth=", number: 1"))
    yard.tick(declarations, NOW)
    yard.run()
    execute("ALTER TABLE signalbox.tasks RENAME COLUMN held TO upheld")
    said = yard.tick(declarations)
    assert yard.texts == ["job line: run failed: it fell over"]
    assert "disk_low: FileNotFoundError" in said
    assert "queue_depth: ProgrammingError" in said

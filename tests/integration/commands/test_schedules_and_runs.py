"""What a user does with a running stack, through the command; seen again through GraphQL and Postgres."""

import datetime as dt
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from scheduler_defs.settings import sqlalchemy_url
from tests.integration.running_stack import Stack, until


def plain_url(stack: Stack) -> str:
    return sqlalchemy_url(stack.postgres_url).replace("postgresql+psycopg2://", "postgresql://")


def test_a_declared_one_minute_schedule_fires_by_itself_and_a_celery_worker_executes_it(stack: Stack) -> None:
    def fired() -> list[dict[str, object]]:
        rows = stack.json("schedules", "history", "heartbeat", "--json")
        return [row for row in rows if row["trigger"] == "schedule" and row["status"] == "SUCCESS"]

    run = until(fired, "a run of the schedule", 150)[0]
    workers = {worker["id"]: worker for worker in stack.json("status", "--json")["workers"]}
    shown = stack.json("runs", "show", str(run["run_id"]), "--json")
    assert "runs" in workers[shown["worker"]]["queues"]
    due = dt.datetime.fromisoformat(str(run["scheduled_for"]))
    assert (due.second, due.tzinfo is not None) == (0, True)
    with psycopg2.connect(plain_url(stack)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_id = %s", (run["run_id"],))
        assert cursor.fetchone() == ("SUCCESS",)
    connection.close()


def test_run_now_runs_at_once_and_is_tagged_with_who_and_why(stack: Stack) -> None:
    answer = stack.json("schedules", "run", "heartbeat", "--reason", "a test", "--wait", "--json")
    assert answer["status"] == "SUCCESS"
    run = stack.json("runs", "show", answer["run_id"], "--json")
    assert (run["trigger"], run["schedule"], run["reason"]) == ("run_now", "heartbeat", "a test")
    assert run["actor"]


def test_a_parameter_out_of_bounds_is_refused_in_one_clear_line_and_nothing_is_launched(stack: Stack) -> None:
    before = stack.json("runs", "list", "--job", "disk_report", "--json")
    found = stack.run("jobs", "launch", "disk_report", "--set", "path=here", "--wait", "--json", check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == "signalbox: --set 'path=here': path must match /.*, not 'here'\n"
    assert [run["run_id"] for run in stack.json("runs", "list", "--job", "disk_report", "--json")] == [
        run["run_id"] for run in before
    ]


def test_a_job_with_steps_runs_them_on_step_workers(stack: Stack) -> None:
    answer = stack.json("jobs", "launch", "census", "--set", "folder=/usr/share/doc", "--wait", "--json")
    assert answer["status"] == "SUCCESS"


def test_an_unknown_name_is_refused_with_the_nearest_one(stack: Stack) -> None:
    found = stack.run("schedules", "run", "hartbeat", check=False)
    assert (found.returncode, found.stderr) == (
        1,
        "signalbox: no schedule 'hartbeat'; did you mean 'heartbeat'?\n",
    )


def test_switching_is_idempotent_shows_in_plan_and_apply_resets_it(stack: Stack) -> None:
    name = "service-map-hourly"
    try:
        first = stack.json("schedules", "disable", name, "--json")
        again = stack.json("schedules", "disable", name, "--json")
        assert (first["state"], first["changed"], again["changed"]) == ("off", True, False)
        planned = stack.run("plan", "--json", check=False)
        assert planned.returncode == 1
        assert f'"name": "{name}", "change": "switched_off"' in planned.stdout
    finally:
        stack.run("apply", "--reset-state")
    assert stack.run("plan", "--json").returncode == 0


def test_a_pause_shows_its_reason_and_end_and_resumes(stack: Stack) -> None:
    name = "service-map-hourly"
    stack.run("schedules", "pause", name, "--reason", "migration", "--until", "2h")
    (row,) = [each for each in stack.json("schedules", "list", "--json") if each["name"] == name]
    assert (row["state"], row["paused_reason"]) == ("paused", "migration")
    assert dt.datetime.fromisoformat(row["next"]) >= dt.datetime.fromisoformat(row["paused_until"])
    assert stack.json("schedules", "resume", name, "--json")["changed"]
    assert not stack.json("schedules", "resume", name, "--json")["changed"]


def test_a_running_command_is_cancelled_with_its_processes(stack: Stack) -> None:
    added = stack.config / "sleeper.yaml"
    added.write_text("jobs:\n  sleeper: {command: [sleep, '600']}\n", encoding="utf-8")
    try:
        stack.run("apply")
        run_id = stack.json("jobs", "launch", "sleeper", "--json")["run_id"]
        until(
            lambda: stack.json("runs", "show", run_id, "--json")["status"] == "STARTED", "the run has started"
        )
        stack.run("runs", "cancel", run_id)
        until(
            lambda: stack.json("runs", "show", run_id, "--json")["status"] == "CANCELED", "it is canceled", 20
        )
    finally:
        added.unlink()
        stack.run("apply")


@pytest.fixture
def napping(stack: Stack) -> Iterator[None]:
    """Schedules whose runs last, and one of two instants."""
    added = stack.config / "napping.yaml"
    added.write_text(
        """
jobs:
  napper: {command: [sleep, "600"]}
schedules:
  nap: {job: napper, every: 1d, enabled: off}
  nap-limited: {job: napper, every: 1d, enabled: off, overlap: allow, max_per_job: 1}
  twice: {job: heartbeat, overlap: allow, at: [2099-01-01T00:00, 2099-06-01T00:00]}
""",
        encoding="utf-8",
    )
    stack.run("apply")
    yield
    for run in stack.json("runs", "list", "--job", "napper", "--json"):
        stack.run("runs", "cancel", run["run_id"], check=False)
    added.unlink()
    stack.run("apply")


@pytest.mark.usefixtures("napping")
def test_run_now_obeys_overlap_and_limits_unless_forced_and_instead_completes_an_at_schedule(
    stack: Stack,
) -> None:
    first = stack.json("schedules", "run", "nap", "--json")["run_id"]
    refused = stack.run("schedules", "run", "nap", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"signalbox: nap was not launched: run {first[:8]} is still ")
    limited = stack.run("schedules", "run", "nap-limited", check=False)
    assert (limited.returncode, limited.stderr) == (
        1,
        "signalbox: nap-limited was not launched: 1 of 1 runs are active (max_per_job); --force launches it"
        " all the same\n",
    )
    forced = stack.json("schedules", "run", "nap-limited", "--force", "--reason", "a test", "--json")
    run = stack.json("runs", "show", forced["run_id"], "--json")
    assert (run["trigger"], run["reason"]) == ("run_now", "a test")

    answers = [stack.json("schedules", "run", "twice", "--instead", "--json") for _ in range(2)]
    assert [each["instead_of"][:10] for each in answers] == ["2099-01-01", "2099-06-01"]
    (row,) = [each for each in stack.json("schedules", "list", "--json") if each["name"] == "twice"]
    assert (row["state"], row["next"], row["last_run"]["run_id"]) == ("completed", None, answers[1]["run_id"])
    over = stack.run("schedules", "run", "twice", "--instead", check=False)
    assert (over.returncode, "has no occurrence to come" in over.stderr) == (1, True)


@pytest.mark.parametrize("command", [["schedules", "list"], ["jobs", "list"], ["runs", "list"], ["limits"]])
def test_lists_are_readable_tables_without_json(stack: Stack, command: list[str]) -> None:
    assert len(stack.run(*command).stdout.splitlines()) > 2


def test_schedules_are_listed_by_name_the_same_from_the_stack_and_from_another_folder_and_faults_are_said(
    stack: Stack, tmp_path: Path
) -> None:
    shutil.copytree(stack.config, tmp_path / "config")
    broken = stack.config / "broken.yaml"
    broken.write_text("jobs:\n  greet: {comand: [echo]}\n", encoding="utf-8")
    try:
        asked = stack.run("schedules", "list", "--json")
    finally:
        broken.unlink()
    listed = json.loads(asked.stdout)
    composed = stack.json("schedules", "list", "--config", str(tmp_path / "config"))
    assert re.fullmatch(
        r"signalbox: \d faults? in the declarations; `signalbox check` names them\n", asked.stderr
    )
    assert [row["name"] for row in listed] == sorted(row["name"] for row in listed)
    lasting = ("name", "job", "spec", "timezone", "enabled", "state", "owner")
    assert [[row[key] for key in lasting] for row in listed] == [
        [row[key] for key in lasting] for row in composed
    ]
    assert [list(row) for row in listed] == [list(row) for row in composed]

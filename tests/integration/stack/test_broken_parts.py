"""Whatever is killed comes back, whoever is told to end is gone, and the next `up` always works."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scheduler_defs.stack.health.checks import graphql
from scheduler_defs.stack.machine import lock, processes, record
from scheduler_defs.stack.machine.record import State
from tests.integration.running_stack import SIGNALBOX, Stack, clean_environment, new_yard, running, until
from tests.patience import PATIENCE

CHAIN = (
    "Plan the new signal",
    "Lay its foundation",
    "Mount the lamps",
    "Test the signal",
    "Accept the signal",
)
"""Of the example's first tasks, each waits for the one before."""

SLEEPER = """
jobs:
  sleeper: {command: [sleep, "4321"]}
"""


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that these tests may break. Its agents have the example's first tasks to do meanwhile."""
    yard = new_yard(tmp_path_factory.mktemp("broken yard"), first_tasks=True)
    (yard.config / "sleeper.yaml").write_text(SLEEPER)
    with running(yard, "--workers", "1") as started:
        yield started


def all_complete(stack: Stack) -> list[dict[str, Any]]:
    """All tasks, once they are complete."""
    tasks = stack.json("tasks", "list")
    return tasks if tasks and all(task["status"] == "complete" for task in tasks) else []


def is_well(stack: Stack) -> bool:
    return stack.run("status", check=False).returncode == 0


@pytest.mark.parametrize(
    "name", ["valkey", "webserver", "daemon", "worker-runs", "worker-steps", "code-server", "postgres"]
)
def test_given_a_component_that_is_killed_then_it_is_shown_comes_back_and_all_is_well(
    own_stack: Stack, name: str
) -> None:
    before = own_stack.component(name)
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: state_of(own_stack, name) is not State.HEALTHY, f"{name} shown as restarting")
    until(lambda: state_of(own_stack, name) is State.HEALTHY, f"{name} healthy again")
    after = own_stack.component(name)
    assert after["pid"] != before["pid"]
    assert after["restarts"] == before["restarts"] + 1
    until(lambda: is_well(own_stack), f"all well after {name}")


def test_given_the_example_yards_first_tasks_then_its_agents_have_done_them_whatever_was_killed(
    own_stack: Stack,
) -> None:
    tasks = until(lambda: all_complete(own_stack), "the first tasks to be done")
    assert len(tasks) == 7
    finished = {task["title"]: task["finished"] for task in tasks}
    in_order = [finished[title] for title in CHAIN]
    assert in_order == sorted(in_order)
    assert all(task["result"] for task in tasks)
    path = '["agent_queues", "dev"]'
    query = f"{{ assetOrError(assetKey: {{path: {path}}}) {{ ... on Asset {{ assetObservations {{ runId }} }} }} }}"
    assert graphql(own_stack.ui, query)["assetOrError"]["assetObservations"]


def test_given_a_killed_supervisor_when_up_is_asked_for_then_only_a_new_stack_runs(
    own_stack: Stack,
) -> None:
    old_record, old = own_stack.record, own_stack.processes()
    os.kill(old_record.pid, signal.SIGKILL)
    until(lambda: lock.holder(own_stack.state) is None, "the state folder free")
    assert own_stack.run("status", check=False).returncode == 3
    own_stack.run("up", "--detach", "--workers", "1")
    assert own_stack.record.id != old_record.id
    assert is_well(own_stack)
    assert [process for process in old if process.is_running()] == []
    assert len(own_stack.json("tasks", "list")) == 7  # the first tasks are added once


def test_given_a_run_in_progress_when_the_stack_is_told_to_end_then_everything_is_gone_in_ten_seconds(
    own_stack: Stack,
) -> None:
    run = own_stack.json("jobs", "launch", "sleeper")
    command = until(lambda: find_command(own_stack, ["sleep", "4321"]), "the run's command")
    everything = [*own_stack.processes(), command, psutil.Process(own_stack.record.pid)]
    stack_id = own_stack.record.id
    begun = time.monotonic()
    own_stack.run("down")
    assert time.monotonic() - begun < 10 * PATIENCE
    assert [process for process in everything if processes.lives(process)] == []
    assert processes.marked(stack_id) == []
    assert record.read(own_stack.state) is None
    own_stack.run("up", "--detach", "--workers", "1")
    ended = until(lambda: ended_run(own_stack, run["run_id"]), "the end of the interrupted run")
    assert ended["status"] == "FAILURE"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_given_a_stack_in_the_foreground_when_a_signal_comes_then_it_ends_well_in_ten_seconds(
    tmp_path: Path, number: signal.Signals
) -> None:
    yard = new_yard(tmp_path / "fore ground")
    with subprocess.Popen(
        [*SIGNALBOX, "--state", str(yard.state), "--config", str(yard.config), "up", "--workers", "1"],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ready: http://127.0.0.1:"):
                break
        found, stack_id = yard.processes(), yard.record.id
        assert len(found) > 7
        begun = time.monotonic()
        process.send_signal(number)
        lines += process.stdout.readlines()
        assert process.wait(15) == 0
        assert time.monotonic() - begun < 10 * PATIENCE
    assert [item for item in found if processes.lives(item)] == []
    assert processes.marked(stack_id) == []
    healthy = [line.split()[1] for line in lines if " healthy " in line]
    assert healthy.index("postgres") < healthy.index("valkey") < healthy.index("code-server")
    assert healthy.index("code-server") < healthy.index("webserver")


def test_given_a_stack_that_is_just_starting_when_it_is_told_to_end_then_nothing_is_left(
    tmp_path: Path,
) -> None:
    yard = new_yard(tmp_path)
    with subprocess.Popen(
        [*SIGNALBOX, "--state", str(yard.state), "--config", str(yard.config), "up", "--detach"],
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as starter:
        until(lambda: record.read(yard.state) is not None and len(yard.record.components) > 3, "a beginning")
        stack_id = yard.record.id
        yard.run("down")
        assert starter.wait(15) == 1
        assert starter.stderr is not None
        assert "the stack did not start" in starter.stderr.read()
    assert processes.marked(stack_id) == []
    assert lock.holder(yard.state) is None


def test_given_a_database_and_broker_of_somebody_else_then_they_are_used_and_left_alone(
    tmp_path: Path, postgres_url: str, valkey_url: str
) -> None:
    yard = new_yard(tmp_path)
    given = {"SIGNALBOX_POSTGRES_URL": postgres_url, "SIGNALBOX_BROKER_URL": valkey_url}
    command = [*SIGNALBOX, "--state", str(yard.state), "--config", str(yard.config)]
    try:
        subprocess.run(
            [*command, "up", "--detach", "--workers", "1"], env={**clean_environment(), **given}, check=True
        )
        status = yard.json("status")
        shown = {item["name"]: item for item in status["components"]}
        assert status["healthy"] is True
        assert shown["postgres"]["pid"] is None
        assert shown["broker"]["pid"] is None
        assert not (yard.state / "postgres").exists()
    finally:
        yard.run("down")


def test_given_a_database_that_is_away_then_up_says_so_with_code_3(tmp_path: Path) -> None:
    yard = new_yard(tmp_path)
    url = "postgresql://me:very-secret@127.0.0.1:1/none"
    done = subprocess.run(
        [*SIGNALBOX, "--state", str(yard.state), "--config", str(yard.config), "up"],
        env={**clean_environment(), "SIGNALBOX_POSTGRES_URL": url},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 3
    assert "postgres at postgresql+psycopg2://me@127.0.0.1:1/none" in done.stderr
    assert "refused" in done.stderr
    assert "very-secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def state_of(stack: Stack, name: str) -> State:
    """The component's state as the supervisor last wrote it."""
    found = record.read(stack.state)
    assert found is not None
    return next(item.state for item in found.components if item.name == name)


def find_command(stack: Stack, argv: list[str]) -> psutil.Process | None:
    """The process with this command line below one of the stack's components."""
    for process in stack.processes():
        try:
            for item in (process, *process.children(recursive=True)):
                if item.cmdline() == argv:
                    return item
        except psutil.Error:
            continue
    return None


def ended_run(stack: Stack, run_id: str) -> dict[str, str] | None:
    """The run, once it is over."""
    run = stack.json("runs", "show", run_id)
    return run if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

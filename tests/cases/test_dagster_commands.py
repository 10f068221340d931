"""Dagster's own commands, called in the checkout as somebody types them who has just come."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_defs import running_stack
from scheduler_defs.cli.init.yard import files, write
from scheduler_defs.settings import PROJECT_ROOT

pytestmark = pytest.mark.case("dagster-X-no-environment")

ONE_LINE = "start one with `make up` (`signalbox up`), or set SIGNALBOX_POSTGRES_URL"


def called(
    tmp_path: Path, program: str, *arguments: str, home: bool = False, folder: Path = PROJECT_ROOT
) -> subprocess.CompletedProcess[str]:
    """The command in the checkout, or another folder, with nothing exported: but another state folder, where no stack is."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX", "DAGSTER"))}
    env |= {"SIGNALBOX_STATE": str(tmp_path / "state"), "PYTHONWARNINGS": "ignore", "VIRTUAL_ENV": sys.prefix}
    if home:
        env["DAGSTER_HOME"] = str(PROJECT_ROOT)
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("dagster definitions validate", "All code locations passed validation"),
        ("dagster job list", "Job: log_triage"),
        ("dagster job print -j gpu_report", "Op: gpu_report_report"),
        ("dagster asset list -m scheduler_defs.definitions", "log_triage"),
        ("dg check defs", "loaded successfully"),
        ("dg list defs --json", "heartbeat"),
    ],
)
def test_given_nothing_exported_and_no_stack_then_what_needs_no_server_works(
    tmp_path: Path, command: str, expected: str
) -> None:
    done = called(tmp_path, *command.split())
    assert done.returncode == 0, done.stderr
    assert expected in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `signalbox init` makes it."""
    folder = tmp_path_factory.mktemp("yards") / "yard"
    write(folder, files(None, "example"))
    return folder


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("dagster definitions validate", "All code locations passed validation"),
        ("dagster job list", "Job: hello"),
        ("dagster job print -j hello", "Job: hello"),
        ("dagster asset list -m scheduler_defs.definitions", "log_triage"),
        ("dg check defs", "loaded successfully"),
        ("dg list defs --json", "say_hello"),
    ],
)
def test_given_a_new_yard_then_dagsters_commands_work_in_it_with_nothing_exported(
    tmp_path: Path, yard: Path, command: str, expected: str
) -> None:
    done = called(tmp_path, *command.split(), folder=yard)
    assert done.returncode == 0, done.stderr
    assert expected in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("dagster schedule list", "Schedule: heartbeat [RUNNING]"),
        ("dagster schedule preview", "Planned Schedule Changes"),
        ("dagster sensor list", "Sensor: retries [RUNNING]"),
    ],
)
def test_given_dagsters_home_and_no_stack_then_what_is_declared_is_listed(
    tmp_path: Path, command: str, expected: str
) -> None:
    done = called(tmp_path, *command.split(), home=True)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


@pytest.mark.parametrize(
    ("command", "home"),
    [
        ("dagster dev", False),
        ("dg dev", False),
        ("dagster run list", True),
        ("dagster instance info", True),
        ("dagster job launch -j gpu_report", True),
        ("dagster-daemon run", True),
        ("dagster-webserver", True),
    ],
)
def test_given_no_stack_then_what_needs_one_says_in_one_line_which_command_starts_it(
    tmp_path: Path, command: str, home: bool
) -> None:
    done = called(tmp_path, *command.split(), home=home)
    assert done.returncode != 0
    assert f"Error: no stack runs on {tmp_path}/state: {ONE_LINE}\n" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_given_what_is_set_when_a_stack_is_adopted_then_only_the_rest_comes_from_it(tmp_path: Path) -> None:
    from scheduler_defs.stack.machine import lock

    env = {"SIGNALBOX_STATE": str(tmp_path), "SIGNALBOX_BROKER_URL": "redis://mine"}
    told = '{"exports": {"SIGNALBOX_POSTGRES_URL": "postgresql://it", "SIGNALBOX_BROKER_URL": "redis://its"}}'
    (tmp_path / running_stack.RECORD).write_text(told)
    before = dict(env)
    running_stack.adopt(env)
    assert env == before, "a record without a supervisor is no stack"
    with lock.acquire(tmp_path):
        running_stack.adopt(env)
    assert env == before | {"SIGNALBOX_POSTGRES_URL": "postgresql://it"}

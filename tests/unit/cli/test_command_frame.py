"""The command's frame: global options, names, exit codes. Each command line is a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_defs.cli.folders import global_options_first
from scheduler_defs.cli.main import COMMANDS
from scheduler_defs.cli.terminal.values import parse_settings
from scheduler_defs.errors import UsageError

ROOT = Path(__file__).parents[3]


def signalbox(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALBOX_")}
    return subprocess.run(
        [sys.executable, "-m", "scheduler_defs.cli.main", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["status", "--state", "s", "--json"], ["--state", "s", "status", "--json"]),
        (["check", "--config=c"], ["--config=c", "check"]),
        (["tasks", "add", "--", "--config"], ["tasks", "add", "--", "--config"]),
        (["up", "--state"], ["--state", "up"]),
    ],
)
def test_folders_may_stand_before_and_after_the_subcommand(given: list[str], expected: list[str]) -> None:
    assert global_options_first(given) == expected


def test_help_lists_every_command_without_loading_dagster() -> None:
    code = "import sys; sys.argv = ['signalbox', '--help']\n"
    code += "from scheduler_defs.cli.main import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "assert not {'dagster', 'pydantic', 'sqlalchemy'} & set(sys.modules), 'heavy imports'"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    there = [
        name
        for name, (module, _, _) in COMMANDS.items()
        if (ROOT / "scheduler_defs" / "cli" / f"{module.replace(chr(46), chr(47))}.py").exists()
    ]
    assert all(f"  {name} " in done.stdout for name in there)


def test_an_unknown_command_is_a_usage_error() -> None:
    assert signalbox("frobnicate").returncode == 2


@pytest.mark.parametrize("command", [["runs", "list"], ["schedules", "list"], ["limits"], ["status"]])
def test_without_a_stack_there_is_one_line_and_exit_code_3(command: list[str], tmp_path: Path) -> None:
    done = signalbox(*command, "--state", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)


def test_next_needs_no_stack_and_merges_all_schedules_in_order(tmp_path: Path) -> None:
    done = signalbox(
        "schedules", "next", "--from", "2026-01-01T00:00", "--count", "20", "--json", "--state", str(tmp_path)
    )
    rows = json.loads(done.stdout)
    assert [row["due"] for row in rows] == sorted(row["due"] for row in rows)
    assert len({row["schedule"] for row in rows}) > 1


def test_a_bad_instant_is_a_usage_error() -> None:
    done = signalbox("schedules", "next", "heartbeat", "--from", "tomorrow")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_settings_of_a_python_job_are_read_as_in_the_files_and_dots_nest() -> None:
    assert parse_settings(["n=3", "a.b=true", "name=x y", "empty="]) == {
        "n": 3,
        "a": {"b": True},
        "name": "x y",
        "empty": "",
    }


@pytest.mark.parametrize("pair", ["novalue", "=3", "a=[1"])
def test_unreadable_settings_are_usage_errors(pair: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        parse_settings([pair])

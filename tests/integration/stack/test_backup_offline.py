"""A backup and its restoration on a state folder on which no stack runs, by the commands of the guide."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.settings import PROJECT_ROOT, Settings, settings
from scheduler_defs.stack.components.offline import offline_database
from tests.integration.running_stack import SIGNALBOX, Stack, clean_environment, running, until

GUIDE = PROJECT_ROOT / "docs" / "backup.md"
YARD = """
jobs:
  tick: {command: ["true"]}
schedules:
  minutely: {job: tick, every: 1m}
"""
COUNT = sa.text("SELECT count(*) FROM signalbox.tasks")
ADD = sa.text("INSERT INTO signalbox.tasks (title, queue, created_by) VALUES ('t', 'q', 'me')")


@pytest.fixture
def where(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A state folder whose database has all tables and one task."""
    with tempfile.TemporaryDirectory(prefix="sb-", ignore_cleanup_errors=True) as folder:
        for name in ("SIGNALBOX_POSTGRES_URL", "SIGNALBOX_BROKER_URL", "SIGNALBOX_UI_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SIGNALBOX_STATE", f"{folder}/state")
        found = settings()
        with offline_database(found) as url:
            database.upgrade(database.engine(url))
            SignalboxStorage(url)
            with database.engine(url).begin() as connection:
                connection.execute(ADD)
            database.engine(url).dispose()
            pooled_engine(PoolOptions(url)).dispose()
        yield found


def signalbox(line: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "scheduler_defs.cli.main", *shlex.split(line)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=PROJECT_ROOT, env=os.environ)


def tasks(where: Settings) -> int:
    with offline_database(where) as url:
        with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
            count: int = connection.execute(COUNT).scalar_one()
            connection.execute(ADD)
        return count


def test_the_commands_of_the_guide_bring_the_database_back(where: Settings, tmp_path: Path) -> None:
    lines = [
        line.removeprefix(".venv/bin/signalbox ").replace("/mnt/backups", str(tmp_path))
        for block in re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
        for line in block.splitlines()
    ]
    assert [line.split()[0] for line in lines] == [
        "backup",
        "backup",
        "down",
        "restore",
        "restore",
        "backup",
        "upgrade",
    ]
    first = signalbox(lines[0])
    assert first.returncode == 0, first.stderr
    (made,) = tmp_path.glob("*.dump")
    assert tasks(where) == 1
    again = signalbox(lines[1])
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["bytes"] > 10_000
    for line in lines[2:]:
        done = signalbox(re.sub(r"signalbox-\w+\.dump", made.name, line))
        assert done.returncode == 0, (line, done.stderr)
    assert tasks(where) == 1


def test_given_a_stack_on_the_folder_then_nothing_is_restored(where: Settings, tmp_path: Path) -> None:
    from scheduler_defs.stack.machine import lock

    (tmp_path / "x.dump").write_text("x")
    with lock.acquire(where.state):
        done = signalbox(f"restore {tmp_path / 'x.dump'}")
    assert done.returncode == 1
    assert "a stack is already running here" in done.stderr
    nowhere = signalbox(f"--state {tmp_path / 'empty'} backup")
    assert nowhere.returncode == 1
    assert "there is no database here" in nowhere.stderr


def ended(processes: Iterable[psutil.Process]) -> None:
    """All at once, with no time to say anything."""
    found = list(processes)
    for each in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    assert not psutil.wait_procs(found, timeout=20)[1]


def tree(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def names(processes: Iterable[psutil.Process]) -> set[str]:
    found: set[str] = set()
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.add(each.name())
    return found


def test_given_a_stack_that_was_killed_with_its_postgres_when_a_backup_is_restored_then_all_or_nothing_and_it_goes_on(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path_factory.mktemp("killed"))
    stack.config.mkdir()
    (stack.config / "yard.yaml").write_text(YARD)
    for name in ("SIGNALBOX_POSTGRES_URL", "SIGNALBOX_BROKER_URL", "SIGNALBOX_UI_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIGNALBOX_STATE", str(stack.state))
    with running(stack, "--workers", "1"):
        with sa.create_engine(stack.postgres_url, poolclass=sa.NullPool).begin() as connection:
            connection.execute(ADD)
        file = stack.json("backup", "--to", str(stack.folder))["file"]
        ended([psutil.Process(stack.record.pid), *stack.processes()])  # the supervisor first
        assert not stack.processes()
        assert tasks(settings()) == 1  # and there are two from now on

        restoring = psutil.Popen(
            [*SIGNALBOX, "--state", str(stack.state), "restore", file],
            env=clean_environment(),
            cwd=stack.folder,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: "psql" in names(tree(restoring)), "it writes")
        assert "postgres" in names(tree(restoring))
        ended(tree(restoring))
        assert tasks(settings()) in (1, 2)  # the backup, or what was there before

        stack.run("restore", file)
        stack.run("up", "--detach", "--workers", "1")
        assert [each["title"] for each in stack.json("tasks", "list")] == ["t"]
        assert stack.json("schedules", "run", "minutely", "--wait")["status"] == "SUCCESS"
        until(lambda: stack.run("prove", check=False).returncode == 0, "all is accounted for", 30)
        assert stack.json("prove")["problems_total"] == 0

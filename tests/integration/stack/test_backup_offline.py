"""A backup and its restoration on a state folder on which no stack runs, by the commands of the guide."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.settings import PROJECT_ROOT, Settings, settings
from scheduler_defs.stack.components.offline import offline_database

GUIDE = PROJECT_ROOT / "docs" / "backup.md"
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

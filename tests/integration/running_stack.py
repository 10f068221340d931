"""A real stack for tests: `signalbox up` on free ports, with its own state and its own declarations."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.stack.machine import processes, record
from scheduler_defs.stack.machine.record import StackRecord

START_LIMIT_SECONDS = 300
DEADLINE_SECONDS = 120.0


@dataclass(frozen=True)
class Stack:
    """A folder with `config/`, `recipes/` and `state/`, and the command that works on it.

    `variables` are added to the command's environment, and so to that of all components.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The declarations: a copy, free to be edited."""
        return self.folder / "config"

    @property
    def record(self) -> StackRecord:
        """What the supervisor has written down."""
        found = record.read(self.state)
        assert found is not None, "no stack.json"
        return found

    @property
    def ui(self) -> str:
        """The webserver's address."""
        return self.record.ui

    @property
    def exports(self) -> dict[str, str]:
        """What `signalbox env` prints: makes Dagster's own tools talk to this stack."""
        return self.record.exports

    @property
    def postgres_url(self) -> str:
        """SQLAlchemy URL of the stack's database."""
        return self.exports["SIGNALBOX_POSTGRES_URL"]

    @property
    def environment(self) -> dict[str, str]:
        """This process' environment with the exports."""
        return {**clean_environment(), **self.variables, **self.exports}

    def run(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `signalbox` on this stack's folders."""
        done = subprocess.run(
            [*SIGNALBOX, "--state", str(self.state), "--config", str(self.config), *arguments],
            env={**clean_environment(), **self.variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=START_LIMIT_SECONDS,
            **options,
        )
        assert not check or done.returncode == 0, (
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def json(self, *arguments: str) -> Any:
        """Run `signalbox ... --json` and read what it prints."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def status(self) -> dict[str, Any]:
        """What `signalbox status --json` prints, whether all is well or not."""
        return json.loads(self.run("status", "--json", check=False).stdout)

    def component(self, name: str) -> dict[str, Any]:
        """One component as `signalbox status` shows it now."""
        return next(item for item in self.status()["components"] if item["name"] == name)

    def record_pid(self, name: str) -> int | None:
        """The pid of a component as the supervisor last knew it; None while it does not run."""
        return next(item.pid for item in self.record.components if item.name == name)

    def pid(self, name: str) -> int:
        """The pid of a component that runs."""
        pid = self.record_pid(name)
        assert pid is not None, f"{name} does not run"
        return pid

    def processes(self) -> list[psutil.Process]:
        """Every process of the stack: those with its mark, and Postgres' own children, which hide it."""
        found = {process.pid: process for process in processes.marked(self.record.id)}
        for item in self.record.components:
            with contextlib.suppress(psutil.NoSuchProcess):
                if item.pid is not None:
                    leader = psutil.Process(item.pid)
                    found |= {process.pid: process for process in (leader, *leader.children(recursive=True))}
        return list(found.values())


SIGNALBOX = (sys.executable, "-m", "scheduler_defs.cli.main")


def clean_environment() -> dict[str, str]:
    """The environment without anything that would point to another stack."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX_", "DAGSTER_"))
    }
    return {**kept, "PYTHONPATH": str(PROJECT_ROOT)}


def new_yard(folder: Path, *, first_tasks: bool = False) -> Stack:
    """A folder with a copy of the declarations and recipes, in which a stack can be started.

    Without the example's first tasks, unless they are asked for: they keep the workers busy.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config", "recipes"):
        if (PROJECT_ROOT / name).is_dir():
            shutil.copytree(PROJECT_ROOT / name, folder / name, dirs_exist_ok=True)
    if not first_tasks:
        agents = folder / "config" / "agents.yaml"
        kept = [line for line in agents.read_text().splitlines(True) if "first_tasks:" not in line]
        agents.write_text("".join(kept))
    return Stack(folder)


@contextmanager
def running(stack: Stack, *options: str) -> Iterator[Stack]:
    """The stack, started; whatever happens, nothing of it is left afterwards."""
    try:
        stack.run("up", "--detach", *options)
        yield stack
    finally:
        stack.run("down", check=False)


def until(condition: Callable[[], Any], what: str, deadline_seconds: float = DEADLINE_SECONDS) -> Any:
    """Ask again and again; the first answer that is true. Fails with `what` after the deadline."""
    end = time.monotonic() + deadline_seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {deadline_seconds} s: {what}"
        time.sleep(0.1)

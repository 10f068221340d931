"""Commands that are hard to end, and a way to find everything that they have started."""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

MARK = "GUARD_TEST_MARK"

# Double fork and a session of its own: what a daemon does to get away from whoever started it.
DAEMONISE = """
import os, signal, sys, time
def daemon(depth):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if depth:
        daemon(depth - 1)
    time.sleep(600)
for _ in range(2):
    daemon(2)
"""


@dataclass(frozen=True)
class Marked:
    """Processes that carry one mark in their environment; so do all that they start."""

    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def env(self) -> dict[str, str]:
        """A command's environment."""
        return {"PATH": os.environ["PATH"], MARK: self.mark}

    def alive(self) -> list[int]:
        """Their pids; zombies have no environment, so they do not count."""
        wanted = f"{MARK}={self.mark}".encode()
        found: list[int] = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                if wanted in environ.read_bytes().split(b"\0"):
                    found.append(int(environ.parent.name))
            except OSError:
                continue
        return found


@pytest.fixture
def marked() -> Iterator[Marked]:
    """A mark of its own for each test; nothing that carries it outlives the test."""
    found = Marked()
    yield found
    for pid in found.alive():
        os.kill(pid, signal.SIGKILL)


@dataclass
class Worker:
    """A process that runs a guarded command, as a worker does."""

    pid: int
    lease: Path
    outcome: Path

    def cancel(self) -> None:
        """It cancels its command, and ends."""
        self.lease.with_name("cancel").touch()

    def renew(self, seconds: float) -> None:
        """Its lease lasts for so many seconds from now."""
        fresh = self.lease.with_suffix(".new")
        fresh.write_text(str(time.monotonic() + seconds))
        fresh.rename(self.lease)


WORKER = """
import sys
from datetime import timedelta
from pathlib import Path
from scheduler_defs.execution.guard.guard import run_guarded
lease, outcome, mark, path, program, *arguments = sys.argv[1:]
lease, outcome = Path(lease), Path(outcome)
until = (lambda: float(lease.read_text())) if lease.exists() else (lambda: None)
def tick():
    if lease.with_name("cancel").exists():
        raise SystemExit(0)  # with the process, without waiting for the grace
found = run_guarded(
    [program, *arguments], env={"PATH": path, "GUARD_TEST_MARK": mark}, until=until,
    grace=timedelta(seconds=30), on_tick=tick, tick=timedelta(seconds=0.1),
)
unfinished = outcome.with_suffix(".new")
unfinished.write_text(found.ending.value)
unfinished.rename(outcome)  # who waits for the file to exist finds all of it
"""


@pytest.fixture
def start_worker(tmp_path: Path, marked: Marked) -> Iterator[Callable[..., Worker]]:
    """Starts workers; `lease` is the number of seconds that its lease lasts at first, None: no lease."""
    import subprocess

    running: list[subprocess.Popen[bytes]] = []

    def start(*argv: str, lease: float | None = None) -> Worker:
        worker = Worker(0, tmp_path / "lease", tmp_path / "outcome")
        if lease is not None:
            worker.renew(lease)
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WORKER,
                worker.lease,
                worker.outcome,
                marked.mark,
                os.environ["PATH"],
                *argv,
            ],
            start_new_session=True,
        )
        running.append(process)
        worker.pid = process.pid
        return worker

    yield start
    for process in running:
        process.kill()
        process.wait()

"""Faults, one function each: done to a running yard, and undone where nobody else undoes it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import sqlalchemy as sa

from scheduler_defs.stack.components.plan import RUNS_WORKER
from scheduler_defs.stack.machine import lock
from tests.chaos.yard import Yard
from tests.integration.running_stack import until


def kill(yard: Yard, component: str) -> None:
    """SIGKILL of one component; the supervisor starts it again."""
    end(yard, component, signal.SIGKILL)


def kill_worker_child(yard: Yard, worker: str = RUNS_WORKER) -> None:
    """SIGKILL of one process of a worker that executes a run (or a step) at this moment."""
    child = until(lambda: busy_children(yard, worker), f"a busy child of {worker}")[0]
    child.kill()


def kill_whole_worker(yard: Yard, worker: str = RUNS_WORKER) -> None:
    """SIGKILL of a worker's main process and of all its children at once, guards and commands excepted."""
    pid = pid_of(yard, worker)
    for process in psutil.Process(pid).children():
        process.kill()
    end(yard, worker, signal.SIGKILL)


def kill_supervisor(yard: Yard) -> None:
    """SIGKILL of the supervisor; then somebody says `up` again."""
    os.kill(yard.stack.record.pid, signal.SIGKILL)
    until(lambda: lock.holder(yard.stack.state) is None, "the state folder free")
    yard.up()


def freeze_worker(yard: Yard, seconds: float, worker: str = RUNS_WORKER) -> None:
    """SIGSTOP of a worker's main process and children for longer than a lease, then SIGCONT."""
    main = psutil.Process(pid_of(yard, worker))
    frozen = [main, *main.children()]
    for process in frozen:
        process.suspend()
    time.sleep(seconds)
    for process in frozen:
        if process.is_running():
            process.resume()


def restart_postgres(yard: Yard, down_seconds: float = 10.0) -> None:
    """A fast shutdown; for a while its starts fail, as when a disk is not mounted yet."""
    settings = yard.stack.state / "postgres" / "postgresql.conf"
    away = settings.with_name("postgresql.conf.away")
    settings.rename(away)
    try:
        end(yard, "postgres", signal.SIGINT)
        time.sleep(down_seconds)
    finally:
        away.rename(settings)


def kill_postgres(yard: Yard) -> None:
    """SIGKILL of the postmaster: its processes end, and the data are recovered at the next start."""
    kill(yard, "postgres")


def restart_valkey(yard: Yard) -> None:
    """An orderly end of the broker; what it holds it reads again at its start."""
    end(yard, "valkey", signal.SIGTERM)


def wipe_valkey(yard: Yard) -> None:
    """SIGKILL of the broker, and all that it held is gone."""
    server = psutil.Process(pid_of(yard, "valkey"))
    server.suspend()  # it writes nothing more
    shutil.rmtree(yard.stack.state / "valkey" / "appendonlydir")
    end(yard, "valkey", signal.SIGKILL)


@contextmanager
def frozen_daemon(yard: Yard) -> Iterator[psutil.Process]:
    """Nothing is scheduled, launched or watched meanwhile; it goes on afterwards, unless it was killed.

    The supervisor is frozen with it: it would start a daemon that has not beaten for minutes again.
    """
    daemon = psutil.Process(pid_of(yard, "daemon"))
    supervisor = psutil.Process(yard.stack.record.pid)
    supervisor.suspend()
    daemon.suspend()
    try:
        yield daemon
    finally:
        if daemon.is_running():
            daemon.resume()
        supervisor.resume()


@contextmanager
def small_artifacts_folder(yard: Yard) -> Iterator[Path]:
    """A file system of one mebibyte in the place of the artifacts folder."""
    folder = yard.stack.state / "artifacts"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "chaos", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full_for_a_while(_yard: Yard, folder: Path, seconds: float) -> None:
    """Fill the disk to the last byte, and make room again later."""
    path = folder / "filler"
    fill(path)
    time.sleep(seconds)
    path.unlink()


def fill(path: Path) -> None:
    """Write a file until its disk takes nothing more."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


REFUSED_FOR_SPACE = sa.text(
    """
    SELECT count(*) FROM run_tags WHERE key = 'signalbox/error' AND value LIKE '%No space left on device%'
    """
)


def busy_children(yard: Yard, worker: str) -> list[psutil.Process]:
    """The children of a worker that hold a living lease."""
    children = {child.pid: child for child in psutil.Process(pid_of(yard, worker)).children()}
    with yard.database() as connection:
        pids = connection.execute(sa.text("SELECT pid FROM signalbox.leases WHERE lost IS NULL")).scalars()
        return [children[pid] for pid in pids if pid in children]


def end(yard: Yard, component: str, number: signal.Signals) -> None:
    """Send a signal that ends a component, and wait until its supervisor knows."""
    pid = pid_of(yard, component)
    os.kill(pid, number)
    until(lambda: yard.stack.record_pid(component) != pid, f"{component} seen to have ended")


def pid_of(yard: Yard, component: str) -> int:
    """The pid of a component, as soon as it runs."""
    until(lambda: _pid(yard, component), f"{component} running")
    return yard.stack.pid(component)


def _pid(yard: Yard, component: str) -> int | None:
    pid = yard.stack.record_pid(component)
    return pid if pid is not None and psutil.pid_exists(pid) else None

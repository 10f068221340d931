"""Who loses a lease ends its own work, and nobody else starts it before: whatever clock jumps, whatever row goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from scheduler_defs.execution.guard.marks import end_orphans
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.leases import Claim
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.identity import Identity
from scheduler_defs.execution.life.lease_table import LeaseTable
from scheduler_defs.execution.life.terms import Terms
from scheduler_defs.execution.worker.beat import Beat, Pool
from scheduler_defs.execution.worker.launcher import SignalboxRunLauncher
from scheduler_defs.execution.worker.registry import Worker
from scheduler_defs.stack.machine import processes
from tests.patience import wait_until
from tests.unit.execution.core.conftest import connection as connection
from tests.unit.execution.core.conftest import setting as setting
from tests.unit.execution.core.conftest import starting as starting
from tests.unit.execution.core.setting import Setting

TERMS = Terms(beat=timedelta(seconds=0.2), expiry=timedelta(seconds=2))


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a worker's child."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def beating(child: subprocess.Popen[bytes]) -> Iterator[tuple[Beat, Identity]]:
    """A worker that beats, with that child. (Its kernel timer would kill this process: it is off.)"""
    who = Identity("w1", "here", os.getpid(), LeaseTable())
    worker = Worker("w1", "here", os.getpid(), ("runs",), 1)
    beat = Beat(worker, who, Pool(children=lambda: [child.pid]), TERMS)
    beat._switch._libc = None
    yield beat, who
    beat._stopping = True
    beat._wake.set()


def claim_of(run_id: str, pid: int) -> Claim:
    return Claim(run_id, "w1", "here", pid, "runs")


Jump = Callable[[sa.Connection], None]


def _clock_forward(connection: sa.Connection) -> None:
    """As if the database's clock had been set three hours forward: all that was written is old."""
    connection.execute(
        sa.text(
            "UPDATE signalbox.leases SET acquired = acquired - interval '3 hours',"
            " renewed = renewed - interval '3 hours', expires = expires - interval '3 hours'"
        )
    )


def _row_removed(connection: sa.Connection) -> None:
    connection.execute(sa.text("DELETE FROM signalbox.leases"))


def _database_restored(connection: sa.Connection) -> None:
    """From a backup in which somebody else had the run."""
    connection.execute(sa.text("UPDATE signalbox.leases SET token = gen_random_uuid()"))


@pytest.mark.case("recovery-X-clock-forward-double")
def test_given_a_clock_that_steps_forward_then_the_lease_goes_on_and_so_does_its_run(
    setting: Setting,
    connection: sa.Connection,
    starting: str,
    child: subprocess.Popen[bytes],
    beating: tuple[Beat, Identity],
) -> None:
    beat, who = beating
    claim = claim_of(starting, child.pid)
    leases.acquire_run(connection, claim, TERMS.expiry)
    launcher = SignalboxRunLauncher()
    launcher.register_instance(setting.instance)
    with who.held.holding(0, child.pid, claim.token, clock.now()):
        beat.start()
        _clock_forward(connection)
        for _ in range(5):
            launcher.check_run_worker_health(setting.get(starting))
            time.sleep(TERMS.beat.total_seconds())
    assert setting.status(starting) == "STARTED"
    assert child.poll() is None
    assert leases.of_runs(connection, [starting])[starting].alive


@pytest.mark.case("recovery-X-clock-forward-double")
@pytest.mark.parametrize("loss", [_row_removed, _database_restored])
def test_given_a_beat_that_does_not_renew_a_lease_then_its_child_is_killed_at_once(
    connection: sa.Connection,
    starting: str,
    child: subprocess.Popen[bytes],
    beating: tuple[Beat, Identity],
    loss: Jump,
) -> None:
    beat, who = beating
    claim = claim_of(starting, child.pid)
    leases.acquire_run(connection, claim, TERMS.expiry)
    with who.held.holding(0, child.pid, claim.token, clock.now()):
        beat.start()
        time.sleep(2 * TERMS.beat.total_seconds())
        assert child.poll() is None
        loss(connection)
        assert child.wait(2) == -signal.SIGKILL


@pytest.mark.case("recovery-X-clock-forward-double")
@pytest.mark.parametrize("gone", [True, False])
def test_given_a_lease_that_is_gone_or_silent_then_its_run_is_not_failed_before_its_holder_must_have_ended(
    setting: Setting, connection: sa.Connection, starting: str, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    monkeypatch.setenv("SIGNALBOX_BEAT_SECONDS", "0.3")
    monkeypatch.setenv("SIGNALBOX_LEASE_SECONDS", "1.5")
    leases.acquire_run(connection, claim_of(starting, 1), timedelta(seconds=1.5))
    if gone:
        _row_removed(connection)
    else:
        _clock_forward(connection)
    launcher = SignalboxRunLauncher()
    launcher.register_instance(setting.instance)
    began = time.monotonic()

    def is_failed() -> bool:
        launcher.check_run_worker_health(setting.get(starting))
        return setting.status(starting) == "FAILURE"

    wait_until(is_failed)
    assert time.monotonic() - began >= 1.5


def test_given_a_worker_that_is_lost_then_the_others_give_its_leases_up(
    connection: sa.Connection, starting: str, beating: tuple[Beat, Identity]
) -> None:
    beat, _ = beating
    leases.acquire_run(connection, Claim(starting, "w2", "there", 1, "runs"), timedelta(seconds=1))
    beat.start()
    wait_until(lambda: not leases.of_runs(connection, [starting])[starting].alive)


@pytest.mark.case("agents-G07")
def test_given_a_frozen_guard_whose_worker_is_dead_then_its_command_is_ended_by_the_next_who_looks(
    tmp_path: Path,
) -> None:
    script = (
        "import sys; from pathlib import Path; from scheduler_defs.execution.life import identity;"
        "identity.assume('w9@here'); from scheduler_defs.execution.guard.guard import Guarded;"
        "g = Guarded(['sleep', '61'], env={'PATH': '/bin:/usr/bin'}, until=lambda: None);"
        "print(identity.identity().id, flush=True);"
        "import time; time.sleep(0.5); g._read(); print(g.pid, g._guard.pid, flush=True); time.sleep(60)"
    )
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    worker_id = worker.stdout.readline().strip()
    command, guard = (psutil.Process(int(pid)) for pid in worker.stdout.readline().split())
    guard.suspend()
    worker.kill()
    worker.wait()
    time.sleep(0.2)
    assert command.is_running()

    assert end_orphans(worker_id, worker.pid) == 1

    # Its guard is frozen: nobody has taken its exit code yet.
    wait_until(lambda: not processes.lives(command))
    guard.kill()
    worker.stdout.close()

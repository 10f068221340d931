"""The embedded Postgres, for real: made, started, stopped, started over what a killed one left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.components import postgres
from scheduler_defs.stack.components.postgres import EmbeddedPostgres
from scheduler_defs.stack.health import checks
from scheduler_defs.stack.machine import folders
from scheduler_defs.stack.machine.spawning import in_child


@contextmanager
def state_folder() -> Iterator[Path]:
    """A state folder in a path with a space, that Postgres' user can pass."""
    folder = Path(tempfile.mkdtemp(prefix="sb pg ")).resolve()
    folder.chmod(0o711)
    folders.create_state(folder / "state")
    yield folder / "state"
    shutil.rmtree(folders.socket_folder(folder / "state"), ignore_errors=True)
    shutil.rmtree(folder)


@pytest.fixture
def empty_state() -> Iterator[Path]:
    with state_folder() as state:
        yield state


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Data that have been made, and never used."""
    with state_folder() as state:
        prepare(state)
        yield state / "postgres"


@pytest.fixture
def state(made: Path, empty_state: Path) -> Path:
    """A state folder with a copy of those data: making them anew takes seconds."""
    subprocess.run(["cp", "-a", str(made), str(empty_state)], check=True)
    return empty_state


def prepare(state: Path) -> EmbeddedPostgres:
    sockets = folders.socket_folder(state)
    folders.create_private(sockets, mode=0o711)
    return postgres.prepare(state, sockets / "pg")


@contextmanager
def running(server: EmbeddedPostgres) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        server.argv, preexec_fn=in_child(server.account), start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                checks.postgres(server.url)
                break
            except Exception:
                assert time.monotonic() < deadline and process.poll() is None
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def test_given_a_path_with_a_space_when_it_is_started_then_the_database_is_there_and_no_port_is_open(
    state: Path,
) -> None:
    server = prepare(state)
    with running(server) as process:
        assert checks.rows(server.url, "SELECT current_database()") == [("signalbox",)]
        connections = psutil.Process(process.pid).net_connections("inet")
        assert connections == []
        assert server.sockets.stat().st_mode & 0o077 == 0


def test_given_a_pid_file_that_names_a_living_stranger_then_it_starts_all_the_same(state: Path) -> None:
    prepare(state)
    # What a restarted container finds: the pid of the old server is now another program's.
    (state / "postgres" / "postmaster.pid").write_text(
        f"{os.getpid()}\n{state / 'postgres'}\n0\n5432\n\n\n0\nready\n"
    )
    with running(prepare(state)):
        pass


def test_given_a_server_that_still_runs_on_the_data_when_it_is_prepared_then_that_one_ends(
    state: Path,
) -> None:
    with running(prepare(state)) as old:
        again = prepare(state)
        assert old.wait(10) == 0
        with running(again):
            pass


def test_given_a_server_that_was_killed_when_it_is_started_again_then_its_data_are_there(state: Path) -> None:
    server = prepare(state)
    with running(server) as process:
        connection = _connect(server.url)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
        process.wait()
        connection.close()
    with running(prepare(state)):
        assert checks.rows(server.url, "SELECT answer FROM kept") == [(42,)]


def test_given_an_initialisation_that_was_cut_off_then_the_next_one_starts_anew(empty_state: Path) -> None:
    half = empty_state / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with running(prepare(empty_state)):
        assert not half.exists()


def test_given_a_folder_that_holds_no_database_then_the_error_names_it(empty_state: Path) -> None:
    (empty_state / "postgres").mkdir()
    with pytest.raises(SignalboxError, match="postgres: not a Postgres data folder"):
        prepare(empty_state)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")
def test_given_root_and_a_home_closed_to_others_then_it_runs_and_the_home_stays_closed(state: Path) -> None:
    state.parent.chmod(0o700)
    server = prepare(state)
    assert server.account is not None
    assert server.account.keeps_file_access
    with running(server) as process:
        assert psutil.Process(process.pid).uids().effective == server.account.uid != 0
    assert state.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")
def test_given_root_and_open_folders_then_postgres_has_no_more_rights_than_its_user(state: Path) -> None:
    server = prepare(state)
    assert server.account is not None
    if not server.account.keeps_file_access:  # the environment itself may lie in a closed home
        with running(server) as process:
            assert "CapEff:\t0000000000000000" in Path(f"/proc/{process.pid}/status").read_text()


def _connect(url: str):
    import psycopg2

    from scheduler_defs.stack.machine.database_url import connection_string

    connection = psycopg2.connect(connection_string(url))
    connection.autocommit = True
    return connection

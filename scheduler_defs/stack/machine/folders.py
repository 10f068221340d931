"""The folders of a stack: its state, and a short path for its sockets."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.private import close_to_others, make_private
from scheduler_defs.stack.machine.spawning import Account

# sun_path holds 104 bytes on macOS and 108 on Linux, with the final zero; Postgres adds "/pg/.s.PGSQL.5432".
_LONGEST_SOCKET_FOLDER = 104 - 1 - len("/pg/.s.PGSQL.5432.lock")
# What can stand in a URL and in a Postgres setting without quoting.
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


def create_state(state: Path) -> None:
    """Create the state folder, for the user alone, and close one that existed and was open to others.

    As root, Postgres runs as another user, whose data lie inside: it is given the right to pass.
    Raises SignalboxError where the folder cannot be ours.
    """
    try:
        if not state.exists():
            state.parent.mkdir(parents=True, exist_ok=True)
            state.mkdir(mode=0o700)
        if not state.is_dir():
            raise SignalboxError(f"{state}: not a folder; --state takes the folder of all state")
        found = state.stat()
        if found.st_uid != os.geteuid():
            raise SignalboxError(
                f"{state}: belongs to the user {_user(found.st_uid)}; run this as that user, or choose "
                "another folder with --state"
            )
        if found.st_mode & 0o077:
            close_to_others(state)
        for name in ("logs", "artifacts"):
            make_private(state / name).chmod(0o700)
    except OSError as error:
        raise SignalboxError(f"{error.filename or state}: {error.strerror}; --state takes another") from error


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def socket_folder(state: Path) -> Path:
    """Where the sockets of this state folder live: in it, or in a runtime folder when its path is unfit.

    Unfit: longer than a socket address can be, or with characters that URLs and settings would need quoted.
    """
    inside = state / "run"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER and _PLAIN.fullmatch(str(inside)):
        return inside
    name = f"signalbox-{os.geteuid()}-{hashlib.sha256(os.fsencode(state)).hexdigest()[:12]}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        # `su` leaves another user's folder behind; nothing can be made in it.
        if not base or not Path(base).is_dir():
            continue
        folder = Path(base) / name
        if not folder.is_dir() and not _takes_folders(base):
            continue
        if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and _PLAIN.fullmatch(str(folder)):
            return folder
    raise SignalboxError(f"{state}: no folder with a path fit for sockets (short, plain); set TMPDIR=/tmp")


def _takes_folders(base: str) -> bool:
    try:
        Path(tempfile.mkdtemp(dir=base)).rmdir()
    except OSError:
        return False
    return True


def create_private(folder: Path, *, mode: int = 0o700, owner: Account | None = None) -> None:
    """Create a folder of ours, and refuse one that somebody else has put there (/tmp is everybody's)."""
    ours = {os.geteuid()} if owner is None else {os.geteuid(), owner.uid}
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
            raise SignalboxError(f"{folder}: exists and is not our folder; remove it") from None
    folder.chmod(mode)
    if owner is not None:
        os.chown(folder, owner.uid, owner.gid)

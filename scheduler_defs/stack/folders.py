"""The folders of a stack: its state, and a short path for its sockets."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.spawning import Account

# sun_path holds 104 bytes on macOS and 108 on Linux, with the final zero; Postgres adds "/pg/.s.PGSQL.5432".
_LONGEST_SOCKET_FOLDER = 104 - 1 - len("/pg/.s.PGSQL.5432.lock")
# What can stand in a URL and in a Postgres setting without quoting.
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


def create_state(state: Path) -> None:
    """Create the state folder. Logs, artifacts and addresses in it are for the user alone.

    As root the folder can be passed through, because Postgres runs as another user and its data lie inside.
    """
    if not state.exists():
        state.parent.mkdir(parents=True, exist_ok=True)
        state.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
    if not state.is_dir():
        raise SignalboxError(f"{state}: not a folder; --state takes the folder of all state")
    for name in ("logs", "artifacts"):
        (state / name).mkdir(mode=0o700, exist_ok=True)


def socket_folder(state: Path) -> Path:
    """Where the sockets of this state folder live: in it, or in a runtime folder when its path is unfit.

    Unfit: longer than a socket address can be, or with characters that URLs and settings would need quoted.
    """
    inside = state / "run"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER and _PLAIN.fullmatch(str(inside)):
        return inside
    name = f"signalbox-{os.geteuid()}-{hashlib.sha256(os.fsencode(state)).hexdigest()[:12]}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if not base or not Path(base).is_dir():
            continue
        folder = Path(base) / name
        if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and _PLAIN.fullmatch(str(folder)):
            return folder
    raise SignalboxError(f"{state}: no folder with a path fit for sockets (short, plain); set TMPDIR=/tmp")


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

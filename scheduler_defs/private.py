"""Files and folders of ours are for their user alone, whatever the umask is, and whoever made them before."""

from __future__ import annotations

import os
import stat
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_private(folder: Path) -> Path:
    """Create the folder, and the missing ones above it, for this user alone. What exists is left as it is."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            make_private(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return folder


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of the file, created for this user alone. For `open(..., opener=)` as well."""
    return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)


def close_to_others(folder: Path) -> int:
    """Take from others what they may do in the folder and all that is ours below it; how much was open.

    Links are not followed, and what belongs to somebody else (Postgres' own data) is left alone.
    """
    closed = 0
    for parent, folders, names in os.walk(folder):
        for name in (".", *folders, *names):
            path = os.path.join(parent, name)  # noqa: PTH118 - a hundred thousand of them
            try:
                found = os.lstat(path)
                if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or not found.st_mode & 0o077:
                    continue
                os.chmod(path, stat.S_IMODE(found.st_mode) & 0o700)  # noqa: PTH101
                closed += 1
            except OSError:
                continue  # gone meanwhile
    return closed

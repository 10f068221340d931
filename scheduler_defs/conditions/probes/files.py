"""Files and folders: their age, size and number."""

from __future__ import annotations

import datetime as dt
import glob
import os
from pathlib import Path

from scheduler_defs.conditions.registry import Look, probe


def path_fault(argument: str) -> str | None:
    """Why the argument is not a path that a condition can look at."""
    if "\x00" in argument:
        return "a path holds no NUL"
    if not Path(argument).expanduser().is_absolute():
        return f"{argument!r} must be an absolute path: conditions have no working folder"
    return None


@probe("file.exists", argument="path", kind="boolean", check=path_fault)
def file_exists(path: str, look: Look) -> bool:
    """Whether there is a file or folder."""
    return _status(path) is not None


@probe("file.age", argument="path", kind="duration", check=path_fault)
def file_age(path: str, look: Look) -> dt.timedelta | None:
    """Time since the last change of its content; nothing without the file."""
    status = _status(path)
    if status is None:
        return None
    return look.now - dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)


@probe("file.size", argument="path", kind="number", check=path_fault)
def file_size(path: str, look: Look) -> int | None:
    """Size in bytes; nothing without the file."""
    status = _status(path)
    return None if status is None else status.st_size


@probe("dir.count", argument="path", kind="number", check=path_fault)
def dir_count(path: str, look: Look) -> int | None:
    """Entries of a folder, or paths that match a glob (`/data/*.csv`); nothing without the folder."""
    place = Path(path).expanduser()
    if glob.has_magic(path):
        base = Path(*(part for part in _before_magic(place)))
        return sum(1 for _ in glob.iglob(str(place))) if base.is_dir() else None  # noqa: PTH207
    try:
        with os.scandir(place) as entries:
            return sum(1 for _ in entries)
    except FileNotFoundError:
        return None


def _before_magic(place: Path) -> list[str]:
    parts: list[str] = []
    for part in place.parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _status(path: str) -> os.stat_result | None:
    """None when there is no such file. Raises OSError when that cannot be found out."""
    try:
        return Path(path).expanduser().stat()
    except (FileNotFoundError, NotADirectoryError):
        return None

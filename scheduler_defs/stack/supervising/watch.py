"""Noticing that files have changed, declarations or the code of a location, and having them loaded."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.errors import NotReachableError
from scheduler_defs.stack.components import code_server

# A code server that is being restarted loads the new files anyway; one that hangs is asked so often.
_TRIES = 3
_LEFT_OUT = frozenset({"site-packages", "node_modules", "__pycache__", "venv", "build", "dist"})
_log = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Files:
    """Which files of a folder count, and how often they are looked at."""

    suffixes: tuple[str, ...]
    pause_seconds: float
    deepest: int = 0
    """So many folders below it; hidden ones and those of installed packages are left out."""
    most: int = 5_000
    """Further ones are not looked at: a folder that is a home folder must not keep a core busy."""


DECLARATIONS = Files((".yaml", ".yml"), pause_seconds=1.0)
SOURCES = Files((".py", ".yaml", ".yml", ".toml", ".sql", ".env"), pause_seconds=2.0, deepest=8)


def fingerprint(folder: Path, files: Files) -> Fingerprint:
    """Path, size, inode and time of change of each such file: cheap enough for each second."""
    found: list[tuple[str, int, int, int]] = []
    folders = [(str(folder), 0)]
    while folders and len(found) < files.most:
        place, depth = folders.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    inner = not entry.name.startswith(".") and entry.name not in _LEFT_OUT
                    if inner and depth < files.deepest:
                        folders.append((entry.path, depth + 1))
                elif entry.name.endswith(files.suffixes):
                    status = entry.stat()
                    found.append((entry.path, status.st_size, status.st_ino, status.st_mtime_ns))
            except OSError:
                continue
    return tuple(sorted(found[: files.most]))


async def changes(folder: Path, files: Files) -> AsyncIterator[None]:
    """Yields after every change, when the files have been still for one look (an editor writes several)."""
    known = seen = await _look(folder, files)
    while True:
        await asyncio.sleep(files.pause_seconds)
        found = await _look(folder, files)
        still, seen = found == seen, found
        if still and found != known:
            known = found
            yield


async def _look(folder: Path, files: Files) -> Fingerprint:
    if files.deepest:  # thousands of files: others must not wait for them
        return await asyncio.to_thread(fingerprint, folder, files)
    return fingerprint(folder, files)


async def reload_code(socket: Path) -> None:
    """Have the code server load the declarations anew; a failure is logged, and not the end of anything."""
    for attempt in range(_TRIES):
        try:
            await asyncio.to_thread(code_server.reload, str(socket))
        except NotReachableError as error:
            _log.warning("code server not reloaded: %s", error)
            await asyncio.sleep(2**attempt)
        else:
            return

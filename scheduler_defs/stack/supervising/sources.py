"""Noticing that the files of a code location have changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

LOOKED_AT_SECONDS = 2.0
MOST_FILES = 5_000
"""Further ones are not looked at: a location whose folder is a home folder must not keep a core busy."""
_DEEPEST = 8
_SUFFIXES = (".py", ".yaml", ".yml", ".toml", ".sql", ".env")
_LEFT_OUT = frozenset({"site-packages", "node_modules", "__pycache__", "venv", "build", "dist"})

Fingerprint = tuple[tuple[str, int, int, int], ...]


def fingerprint(folder: Path, most: int = MOST_FILES) -> Fingerprint:
    """Name, size, inode and time of change of each source file below a folder, hidden folders left out."""
    found: list[tuple[str, int, int, int]] = []
    folders = [(str(folder), 0)]
    while folders and len(found) < most:
        place, depth = folders.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if depth < _DEEPEST and not entry.name.startswith(".") and entry.name not in _LEFT_OUT:
                        folders.append((entry.path, depth + 1))
                elif entry.name.endswith(_SUFFIXES):
                    status = entry.stat()
                    found.append((entry.path, status.st_size, status.st_ino, status.st_mtime_ns))
            except OSError:
                continue
    return tuple(sorted(found[:most]))


async def changes(folder: Path, pause_seconds: float = LOOKED_AT_SECONDS) -> AsyncIterator[None]:
    """Yields after every change, when the files have been still for one look."""
    known = seen = await asyncio.to_thread(fingerprint, folder)
    while True:
        await asyncio.sleep(pause_seconds)
        found = await asyncio.to_thread(fingerprint, folder)
        still, seen = found == seen, found
        if still and found != known:
            known = found
            yield

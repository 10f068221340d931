"""Noticing that declarations have changed, and having them loaded."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from scheduler_defs.errors import NotReachableError
from scheduler_defs.stack.components import code_server

LOOKED_AT_SECONDS = 1.0
# A code server that is being restarted loads the new files anyway; one that hangs is asked so often.
_TRIES = 3
_log = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, int, int, int], ...]


def fingerprint(config: Path) -> Fingerprint:
    """Name, size, inode and time of change of every YAML file: cheap enough for every second."""
    found: list[tuple[str, int, int, int]] = []
    try:
        entries = list(os.scandir(config))
    except OSError:
        return ()
    for entry in entries:
        if entry.name.endswith((".yaml", ".yml")):
            try:
                status = entry.stat()
            except OSError:
                continue
            found.append((entry.name, status.st_size, status.st_ino, status.st_mtime_ns))
    return tuple(sorted(found))


async def changes(config: Path) -> AsyncIterator[None]:
    """Yields after every change, when the files have been still for one look (an editor writes several)."""
    known = seen = fingerprint(config)
    while True:
        await asyncio.sleep(LOOKED_AT_SECONDS)
        found = fingerprint(config)
        still, seen = found == seen, found
        if still and found != known:
            known = found
            yield


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

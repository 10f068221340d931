"""Disks that are full, or nearly: named before, and not only after, something could not be written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

FULL_BYTES = 1 << 20
NEARLY_FULL_BYTES = 1 << 30
NEARLY_FULL_PERCENT = 5.0
FEW_INODES_PERCENT = 1.0


def disk_problems(state: Path) -> list[str]:
    """One line for each file system with state of ours on it that has no room, or little."""
    folders = (state, *(state / name for name in ("postgres", "postgres/pg_wal", "artifacts", "logs")))
    return list(_problems(folder for folder in folders if folder.exists()))


def _problems(folders: Iterable[Path]) -> Iterator[str]:
    seen: set[int] = set()
    for folder in folders:
        try:
            device, found = folder.stat().st_dev, os.statvfs(folder)
        except OSError:
            continue
        if device not in seen:
            seen.add(device)
            yield from (f"disk of {folder}: {what}" for what in shortages(found))


def shortages(found: os.statvfs_result) -> Iterator[str]:
    """What a file system is short of: room, or inodes."""
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if size and free < FULL_BYTES:
        yield "full: nothing can be written, and runs cannot be recorded; make room"
    elif size and free < NEARLY_FULL_BYTES and 100 * free < NEARLY_FULL_PERCENT * size:
        yield f"nearly full: {free / (1 << 20):,.0f} MiB left of {size / (1 << 20):,.0f}"
    if found.f_files and 100 * found.f_favail < FEW_INODES_PERCENT * found.f_files:
        yield f"{found.f_favail:,} of {found.f_files:,} inodes are left"

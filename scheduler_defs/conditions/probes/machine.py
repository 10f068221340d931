"""This machine: disks, load, memory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scheduler_defs.conditions.probes.files import path_fault
from scheduler_defs.conditions.registry import Look, probe

_LOADS = {"1": 0, "5": 1, "15": 2}


def _load_fault(argument: str) -> str | None:
    return None if argument in _LOADS else f"{argument!r} must be 1, 5 or 15 (minutes)"


@probe("disk.free_percent", argument="path", default="/", kind="number", check=path_fault)
def disk_free_percent(path: str, look: Look) -> float | None:
    """Free part of the file system that holds the path, in percent of its size, as `df` counts it."""
    usage = _usage(path)
    if usage is None or not usage.used + usage.free:
        return None
    return 100 * usage.free / (usage.used + usage.free)


@probe("disk.free_bytes", argument="path", default="/", kind="number", check=path_fault)
def disk_free_bytes(path: str, look: Look) -> int | None:
    """Free bytes of the file system that holds the path, for ordinary users."""
    usage = _usage(path)
    return None if usage is None else usage.free


@probe("load.average", argument="minutes", default="1", kind="number", check=_load_fault)
def load_average(minutes: str, look: Look) -> float:
    """Processes that run or wait, averaged over 1, 5 or 15 minutes."""
    return os.getloadavg()[_LOADS[minutes]]


@probe("memory.available", kind="number")
def memory_available(argument: str, look: Look) -> int:
    """Bytes that programs can get without swapping."""
    import psutil

    return psutil.virtual_memory().available


def _usage(path: str) -> shutil._ntuple_diskusage | None:
    try:
        return shutil.disk_usage(Path(path).expanduser())
    except (FileNotFoundError, NotADirectoryError):
        return None

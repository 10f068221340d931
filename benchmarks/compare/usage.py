"""CPU time and memory of whole process trees."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil


def tree(roots: Iterable[int]) -> list[psutil.Process]:
    """These processes and all their descendants that are alive."""
    found: dict[int, psutil.Process] = {}
    for pid in roots:
        try:
            root = psutil.Process(pid)
            for process in [root, *root.children(recursive=True)]:
                found[process.pid] = process
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def cpu_seconds(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """User and system time by pid, of children that have ended included."""
    seconds: dict[int, float] = {}
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds[process.pid] = times.user + times.system + times.children_user + times.children_system
    return seconds


ROLES = {
    "daemon": ("dagster._daemon", "dagster-daemon"),
    "webserver": ("dagster_webserver", "dagster-webserver", "scheduler_defs.web"),
    "code_server": ("dagster api grpc", "code-server start"),
    "workers": ("celery",),
    "parent": ("scheduler_defs.stack.forking",),
    "postgres": ("postgres",),
    "broker": ("valkey",),
}
"""What a process is, by words of its command line; the first that fits."""


def role(process: psutil.Process) -> str:
    """The part of the stack that a process belongs to."""
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return "others"
    return next((name for name, words in ROLES.items() if any(word in line for word in words)), "others")


def cpu_by_role(processes: Iterable[psutil.Process]) -> dict[str, float]:
    """CPU seconds so far, by part of the stack."""
    found: dict[str, float] = {}
    for process in processes:
        name = role(process)
        found[name] = found.get(name, 0.0) + sum(cpu_seconds([process]).values())
    return found


def memory_megabytes(processes: Iterable[psutil.Process]) -> float:
    """Proportional memory (PSS): shared pages are divided among those who share them."""
    kilobytes = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024

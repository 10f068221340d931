"""What the processes of a command do: CPU time, and whether one waits for input. On Linux; else nothing."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_READ = {"x86_64": "0", "aarch64": "63"}.get(os.uname().machine)
"""The number of read(2)."""
_TICKS = os.sysconf("SC_CLK_TCK")


def can_look() -> bool:
    """Whether the system tells."""
    return (_PROC / "self" / "stat").exists()


def tree(root: int) -> dict[int, float]:
    """The process and all below it, each with its CPU seconds, those of its ended children included."""
    children: dict[int, list[int]] = defaultdict(list)
    seconds: dict[int, float] = {}
    for entry in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            pid = int(entry.parent.name)
            children[int(fields[1])].append(pid)
            seconds[pid] = sum(map(int, fields[11:15])) / _TICKS
    found: dict[int, float] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if pid in seconds and pid not in found:
            found[pid] = seconds[pid]
            waiting += children[pid]
    return found


def waits_for_input(pids: dict[int, float]) -> bool:
    """Whether one of them sits in read(2) on its standard input, and that is a terminal. A pipe is none: what
    is at its other end may be at work."""
    for pid in pids:
        with suppress(OSError, IndexError):
            call = (_PROC / str(pid) / "syscall").read_text().split()
            if call[0] == _READ and int(call[1], 16) == 0:
                return str((_PROC / str(pid) / "fd" / "0").readlink()).startswith(("/dev/pts/", "/dev/tty"))
    return False

"""Who a worker is: made by its main process before it forks, the same in all its children."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from scheduler_defs.execution.life.lease_table import LeaseTable
from scheduler_defs.execution.life.lifeline import Lifeline


@dataclass(frozen=True)
class Identity:
    """One incarnation of a Celery worker. `id` is never used again by another one.

    `held`: what its children hold, and when each of that was last renewed. `lifeline`: its main process
    holds it.
    """

    id: str
    host: str
    pid: int
    held: LeaseTable
    lifeline: Lifeline = field(default_factory=Lifeline)


_identity: Identity | None = None


def assume(node_name: str) -> Identity:
    """Called once in a worker's main process, before its children are forked."""
    global _identity
    name, _, host = node_name.partition("@")
    _identity = Identity(
        id=f"{name}@{host or socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}",
        host=host or socket.gethostname(),
        pid=os.getpid(),
        held=LeaseTable(),
    )
    return _identity


def identity() -> Identity | None:
    """This process' worker, or None outside of one."""
    return _identity


def place() -> str:
    """Where a pid means what it means here: this boot of this machine, in this pid namespace."""
    found: list[str] = []
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        lambda: str(Path("/proc/self/ns/pid").readlink()),
    ):
        try:
            found.append(read())
        except OSError:
            found.append("?")
    return " ".join(found)


def versions() -> dict[str, str]:
    """What a worker runs: shown by `signalbox status`, and compared when workers on several hosts differ."""
    import platform

    return {
        "python": platform.python_version(),
        "place": place(),
        **{name: metadata.version(name) for name in ("signalbox", "dagster", "celery")},
    }

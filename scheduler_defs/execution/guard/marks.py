"""The mark of a command in the environment of all its processes, for when its guard is no more.

It says whose the command is: the worker, and the worker's child that holds the lease.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

TOKEN = "SIGNALBOX_GUARD"  # noqa: S105 - the name of a variable
"""In the environment of the command and its descendants: how they are found if the guard is killed."""


def end_orphans(worker_id: str, pid: int | None = None) -> int:
    """SIGKILL for what commands of a dead worker (or of its dead child `pid`) have left; how many there were.

    Their guards do the same, unless they are frozen, or were killed themselves.
    """
    prefix = f"{worker_id}/" if pid is None else f"{worker_id}/{pid}/"
    return end_marked(prefix)


def owner() -> str:
    """How the token of a command begins: with the worker, and with its child that holds the lease."""
    from scheduler_defs.execution.leases.current import current_lease
    from scheduler_defs.execution.life.identity import identity

    worker, lease = identity(), current_lease()
    if worker is None:
        return ""
    return f"{worker.id}/{os.getpid() if lease is None else lease.claim.pid}/"


def end_marked(prefix: str) -> int:
    """SIGKILL for all processes whose token begins so; how many there were."""
    mark = f"{TOKEN}={prefix}".encode()
    ended = 0
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if any(item.startswith(mark) for item in environ.read_bytes().split(b"\0")):
                os.kill(int(environ.parent.name), signal.SIGKILL)
                ended += 1
    return ended

"""One supervisor per state folder: an exclusive flock on `<state>/stack.lock`.

The kernel drops the lock with its holder, however that ends, so a lock that is held means a supervisor that
lives. The file is never truncated by somebody who does not hold it.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.running_stack import LOCK, written_pid
from scheduler_defs.running_stack import holder as holder

# `holder` takes a shared lock for microseconds; a supervisor that starts at that very moment tries again.
_TRIES = 10
_PAUSE_SECONDS = 0.05


class StackLock:
    """The held lock. Closing it, or the end of the process, frees the state folder."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def close(self) -> None:
        """Free the state folder."""
        os.close(self._descriptor)

    def __enter__(self) -> StackLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def acquire(state: Path) -> StackLock:
    """Take the state folder for this process.

    Raises SignalboxError, naming the holder's pid, when another supervisor has it.
    """
    path = state / LOCK
    # Descriptors of Python are not inherited across exec: a component never keeps the lock alive.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for attempt in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if attempt + 1 < _TRIES:
                time.sleep(_PAUSE_SECONDS)
    else:
        pid = written_pid(descriptor)
        os.close(descriptor)
        raise SignalboxError(
            f"{state}: a stack is already running here, pid {pid or 'unknown'}; "
            "stop it with `signalbox down`, or choose another folder with --state"
        )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return StackLock(path, descriptor)

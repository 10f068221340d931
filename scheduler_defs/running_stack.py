"""How the stack that runs on a state folder is found: a lock that is held, and a record."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import MutableMapping
from pathlib import Path

from scheduler_defs import settings

LOCK = "stack.lock"
RECORD = "stack.json"


def holder(state: Path) -> int | None:
    """The pid of the supervisor that runs on the state folder, or None. 0: held, but the pid is not known."""
    try:
        descriptor = os.open(state / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return written_pid(descriptor) or 0
    finally:
        os.close(descriptor)
    return None


def written_pid(descriptor: int) -> int | None:
    """What the holder has written into the lock's file."""
    text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None


def exports(state: Path) -> dict[str, str]:
    """What makes a process talk to the stack that runs on the state folder; empty when none does."""
    if holder(state) is None:
        return {}
    try:
        found = json.loads((state / RECORD).read_text())["exports"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {str(name): str(value) for name, value in found.items()}


def adopt(environ: MutableMapping[str, str] | None = None) -> None:
    """Have this process talk to the running stack, without overriding what is set."""
    env = os.environ if environ is None else environ
    for name, value in exports(settings.settings(env).state).items():
        env.setdefault(name, value)

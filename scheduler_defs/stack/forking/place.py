"""Where the parent listens, and what it is called."""

from __future__ import annotations

from pathlib import Path

from scheduler_defs.stack.machine.folders import socket_folder

COMPONENT_NAME = "parent"


def folder(sockets: Path) -> Path:
    """A folder of its own: whoever may speak to the parent may have it run anything."""
    return sockets / "fork"


def socket_of(state: Path) -> Path:
    """The socket of a stack's parent."""
    return folder(socket_folder(state)) / "parent"

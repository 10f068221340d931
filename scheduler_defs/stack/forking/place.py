"""Where the parents listen, and what they are called."""

from __future__ import annotations

from pathlib import Path

from scheduler_defs.stack.machine.folders import socket_folder

COMPONENT_NAME = "parent"
OF_WORKERS = "parent-workers"
"""The one that has loaded the definitions as well."""


def folder(sockets: Path) -> Path:
    """A folder of its own: whoever may speak to the parent may have it run anything."""
    return sockets / "fork"


def socket_of(state: Path, name: str = COMPONENT_NAME) -> Path:
    """The socket of a stack's parent."""
    return folder(socket_folder(state)) / name

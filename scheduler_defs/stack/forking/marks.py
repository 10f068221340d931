"""What others read in `/proc` of this process: its command line and its mark, written over its parent's.

Both lie where the kernel has put them when the program was started, and a fork has a copy of them. The kernel
shows what stands there. When the last byte is no zero, the command line is one string, up to the first zero:
so `setproctitle` of other programs does it.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from pathlib import Path

from scheduler_defs.stack.machine.environment import COMPONENT

ROOM_BYTES = 1000
"""Kept free for command lines; longer ones are cut."""
LONGEST_NAME = 96
RESERVED_ARGUMENT = "_" * ROOM_BYTES
"""An argument of the parent that makes room for the command lines of others."""

# proc_pid_stat(5), counted from the field after the program's name, the third.
_ARGUMENTS, _ARGUMENTS_END, _ENVIRONMENT, _ENVIRONMENT_END = (field - 3 for field in (48, 49, 50, 51))
_FILLER = b"_="
_ROOM = re.compile(rb"[^\0]*(\0_=_*(?=\0))?")
"""A name, and the filler behind one that was written here."""


def reserved_name(name: str) -> str:
    """A component's name with room behind it for a longer one, until it is written anew."""
    return name.ljust(LONGEST_NAME + len(_FILLER) + 1, "_")


def show_command(words: Sequence[str]) -> None:
    """Be shown with this command line."""
    begin, end = _area(_ARGUMENTS, _ARGUMENTS_END)
    text = " ".join(words).encode().replace(b"\0", b" ")[: end - begin - 2]
    ctypes.memmove(begin, text.ljust(end - begin - 1, b"\0") + b" ", end - begin)


def show_component(name: str) -> None:
    """Be found as this component. Raises ValueError when its name is too long, or has no place."""
    begin, end = _area(_ENVIRONMENT, _ENVIRONMENT_END)
    key = COMPONENT.encode() + b"="
    block = b"\0" + ctypes.string_at(begin, end - begin)
    at = block.find(b"\0" + key)
    found = _ROOM.match(block, at + 1 + len(key))
    value = name.encode()
    spare = (len(found[0]) if found else 0) - len(value) - 1 - len(_FILLER)
    if at < 0 or spare < 0:
        raise ValueError(f"no room for the name {name}")
    # An empty variable would end the list for whoever reads it.
    text = value + b"\0" + _FILLER + b"_" * spare
    ctypes.memmove(begin + at + len(key), text, len(text))


def _area(first: int, last: int) -> tuple[int, int]:
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[first]), int(fields[last])

"""Bytes that are no part of what a program wanted to say: line ends of other systems, colours, NULs.

Escapes are removed before anything else looks at a line: they would hide its level, and a terminal that
shows the report would obey them.
"""

from __future__ import annotations

import re

JOINT = b"\x1c"
"""Stands between a message and its exception once they are one line; no input has it after `clean`."""

_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]|)")
_HOLE = re.compile(rb"\x00{8,}")
_CONTROL = bytes({*range(0x20), 0x7F} - {0x09, 0x0A})
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def clean(block: bytes) -> bytes:
    """`block` without carriage returns, escapes and control characters but tab and line feed.

    Runs of NULs (holes that `copytruncate` leaves, pages lost with the power) end a line, and so does a NUL
    between two JSON objects, as GELF has it.
    """
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if b"\x1b" in block:
        block = _ESCAPE.sub(b"", block)
    if b"\x00" in block:
        block = _HOLE.sub(b"\n", block.replace(b"}\x00{", b"}\n{"))
    if b"\xef" in block:
        block = block.replace(_BYTE_ORDER_MARK, b"")
    # Looking for each is faster than rewriting a block that has none.
    return block.translate(None, _CONTROL) if any(map(block.__contains__, _CONTROL)) else block

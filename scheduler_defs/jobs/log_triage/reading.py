"""Files as blocks of whole lines, whatever is in them: compressed, binary, one line of 10 MB, no end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

BLOCK_BYTES = 1 << 19
LONGEST_LINE = 1 << 20
"""Of a line longer than this only the start is looked at; the rest is passed over, not kept in memory."""
_KEPT_OF_LONG_LINE = 1 << 16
TAIL_BYTES = 1024
_BINARY_PROBE = 4096

Content = IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading raises, damaged and unfinished compressed files included."""


@dataclass(frozen=True)
class Progress:
    """How far a file was read. Bytes are those of the content: after decompression."""

    offset: int
    """Everything before this was counted."""
    tail: bytes
    """The last bytes before `offset`, at most TAIL_BYTES: by them the place is found again."""
    unfinished: int
    """Bytes just before `offset` that belong to a last line without a line break."""
    lines_cut: int = 0
    """Lines longer than LONGEST_LINE."""
    stopped: bool = False
    """The budget ended before the file did."""
    error: str | None = None
    """Why reading ended here."""


def opened(raw: IO[bytes], name: str) -> Content:
    """The content of an open file, decompressed if its name or its first bytes say so."""
    magic = raw.read(6)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if magic[:3] == b"BZh" and name.endswith(".bz2"):
        return bz2.BZ2File(raw)
    if magic == b"\xfd7zXZ\x00":
        return lzma.LZMAFile(raw)
    return raw


def looks_binary(content: Content) -> bool:
    """Whether the content has NUL bytes at its start, as journals, wtmp and databases do. Rewinds."""
    probe = content.read(_BINARY_PROBE)
    content.seek(0)
    return b"\x00" in probe


def read_blocks(
    content: Content,
    add: Callable[[bytes], None],
    *,
    offset: int = 0,
    unfinished: int = 0,
    budget: int | None = None,
) -> Progress:
    """Give the lines after `offset` to `add` in blocks without their last line break; say how far that got.

    `content` must be seekable. A last line without a line break is counted now, and once more as a whole if
    it turns out to go on (`unfinished` of the last time): better twice than never. Errors end the reading
    and are told.
    """
    try:
        return _resume(content, add, offset, unfinished, budget)
    except READ_ERRORS as error:
        return Progress(offset, b"", unfinished, error=describe(error))


def describe(error: BaseException) -> str:
    """One line for a report: `Permission denied`, `damaged: CRC check failed`."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, EOFError):
        return "compressed file ends early"
    return f"damaged: {error}"


def _resume(
    content: Content, add: Callable[[bytes], None], offset: int, unfinished: int, budget: int | None
) -> Progress:
    content.seek(max(0, offset - TAIL_BYTES))
    tail = content.read(min(offset, TAIL_BYTES))
    skipping = False
    if unfinished:
        following = content.read(1)
        if not following:
            return Progress(offset, tail, unfinished)
        if following == b"\n":
            offset += 1
            tail = (tail + following)[-TAIL_BYTES:]
        elif unfinished > LONGEST_LINE:
            skipping = True
            content.seek(offset)
        else:
            return _resume(content, add, offset - unfinished, 0, budget)
    line_start = offset - unfinished if skipping else offset
    return _read(content, add, offset, line_start, tail, budget)


def _read(
    content: Content,
    add: Callable[[bytes], None],
    offset: int,
    line_start: int,
    tail: bytes,
    budget: int | None,
) -> Progress:
    """`line_start` before `offset` says that the rest of an overlong line comes first."""
    start = offset
    skipping = line_start < offset
    carry = b""
    cut = 0
    error = None
    while error is None:
        if budget is not None and offset - start >= budget and line_start > start and not skipping:
            return Progress(line_start, tail[: len(tail) - len(carry)][-TAIL_BYTES:], 0, cut, stopped=True)
        try:
            data = content.read(BLOCK_BYTES)
        except READ_ERRORS as problem:
            error = describe(problem)
            data = _before_damage(content, offset)
        if not data:
            break
        offset += len(data)
        tail = (tail + data)[-(TAIL_BYTES + BLOCK_BYTES) :]
        if skipping:
            end = data.find(b"\n")
            if end < 0:
                continue
            line_start = offset - len(data) + end + 1
            data = data[end + 1 :]
            skipping = False
        data = carry + data
        end = data.rfind(b"\n")
        if end >= 0:
            add(data[:end])
            carry = data[end + 1 :]
            line_start = offset - len(carry)
        elif len(data) > LONGEST_LINE:
            add(data[:_KEPT_OF_LONG_LINE])
            cut += 1
            carry = b""
            skipping = True
        else:
            carry = data
    if carry:
        add(carry)
    return Progress(offset, tail[-TAIL_BYTES:], offset - line_start, cut, error=error)


def _before_damage(content: Content, offset: int) -> bytes:
    """What can be read after `offset` of a file whose reading failed: at most one block."""
    found = b""
    try:
        content.seek(offset)
        while len(found) < BLOCK_BYTES and (piece := content.read(1 << 10)):
            found += piece
    except READ_ERRORS:
        pass
    return found

"""Files as blocks of whole lines, whatever is in them: compressed, binary, one line of 10 MB, no end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from scheduler_defs.jobs.log_triage.files.decoding import Utf16Content, utf16_of
from scheduler_defs.jobs.log_triage.files.holes import after_hole

BLOCK_BYTES = 1 << 19
LONGEST_LINE = 1 << 20
"""Of a line longer than this only the start is looked at; the rest is passed over, not kept in memory."""
_KEPT_OF_LONG_LINE = 1 << 16
TAIL_BYTES = 1024
_BINARY_PROBE = 4096
_BINARY_MAGICS = (b"LPKSHHRH", b"SQLite format 3", b"\x7fELF", b"%PDF-", b"PK\x03\x04", b"\x89PNG")
_NOT_TEXT = bytes({*range(0x20), 0x7F} - {0x07, 0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x1B})
_LEAST_TEXT = 0.9
"""A file of which more than a tenth of the first kilobytes are control characters is binary."""

Content = IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile | Utf16Content
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
    skipped: int = 0
    """Bytes of holes (NULs) that were not read."""
    stopped: bool = False
    """The budget ended before the file did."""
    error: str | None = None
    """Why reading ended here."""


def opened(raw: IO[bytes], name: str) -> Content:
    """The content of an open file, decompressed if its name or its first bytes say so."""
    start = raw.read(_BINARY_PROBE)
    raw.seek(0)
    if start[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if start[:3] == b"BZh" and name.endswith(".bz2"):
        return bz2.BZ2File(raw)
    if start[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMAFile(raw)
    if (encoding := utf16_of(start)) is not None:
        return Utf16Content(raw, encoding)
    return raw


def looks_binary(content: Content) -> bool:
    """Whether the content is none that people read, as that of journals, wtmp and databases. Rewinds.

    A hole at the start, as `copytruncate` leaves it, and a few stray bytes do not make a log binary.
    """
    probe = content.read(_BINARY_PROBE)
    if probe and not probe.strip(b"\0"):
        content.seek(after_hole(content, len(probe)))
        probe = content.read(_BINARY_PROBE).lstrip(b"\0") or content.read(_BINARY_PROBE)
    content.seek(0)
    probe = probe.lstrip(b"\0")
    if probe.startswith(_BINARY_MAGICS):
        return True
    return len(probe.translate(None, _NOT_TEXT)) < _LEAST_TEXT * len(probe)


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
    skipped = 0
    error = None
    while error is None:
        if budget is not None and offset - start - skipped >= budget and line_start > start and not skipping:
            return Progress(
                line_start, tail[: len(tail) - len(carry)][-TAIL_BYTES:], 0, cut, skipped, stopped=True
            )
        try:
            data = content.read(BLOCK_BYTES)
        except READ_ERRORS as problem:
            error = describe(problem)
            data = _before_damage(content, offset)
        if not data:
            break
        offset += len(data)
        tail = (tail + data)[-(TAIL_BYTES + BLOCK_BYTES) :]
        if data[:1] == b"\0" and not data.strip(b"\0"):  # a hole ends a line, whatever comes after it
            if carry.strip(b"\0"):
                add(carry)
            after = after_hole(content, offset)
            skipped += after - offset + len(data)
            if after - offset >= TAIL_BYTES:
                tail = bytes(TAIL_BYTES)
            elif after > offset:
                tail += bytes(after - offset)
            offset = line_start = after
            carry, skipping = b"", False
            content.seek(offset)
            continue
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
    return Progress(offset, tail[-TAIL_BYTES:], offset - line_start, cut, skipped, error=error)


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

"""UTF-16 read as UTF-8, as Windows programs and PowerShell write their logs."""

from __future__ import annotations

import codecs
import io
from typing import IO

_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_READ_BYTES = 1 << 16


def utf16_of(start: bytes) -> str | None:
    """The encoding that the first bytes of a file tell: by its mark, or by every other byte being NUL."""
    if (marked := _MARKS.get(start[:2])) is not None:
        return marked
    if len(start) < 16 or start.count(b"\0") < 0.4 * len(start):
        return None
    even, odd = start[::2].count(b"\0"), start[1::2].count(b"\0")
    if odd > 0.8 * len(start[1::2]) and even < 0.1 * len(start[::2]):
        return "utf-16-le"
    if even > 0.8 * len(start[::2]) and odd < 0.1 * len(start[1::2]):
        return "utf-16-be"
    return None


class Utf16Content(io.RawIOBase):
    """The content of a UTF-16 file as UTF-8. Places are those in the UTF-8; going back reads anew."""

    def __init__(self, raw: IO[bytes], encoding: str) -> None:
        super().__init__()
        self._raw = raw
        self._encoding = encoding
        self._begin()

    def _begin(self) -> None:
        self._raw.seek(0)
        self._decoder = codecs.getincrementaldecoder(self._encoding)(errors="replace")
        self._place = 0
        self._buffer = b""
        self._ended = False

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only places from the start")
        if offset < self._place:
            self._begin()
        while self._place < offset and self.read(min(_READ_BYTES, offset - self._place)):
            pass
        return self._place

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._buffer) < size):
            data = self._raw.read(_READ_BYTES)
            # A half character at the end may be completed later: it is not part of the content yet.
            text = self._decoder.decode(data)
            self._ended = not data
            self._buffer += text.removeprefix("\ufeff").encode("utf-8", "replace")
        size = len(self._buffer) if size < 0 else size
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        self._place += len(found)
        return found

"""Holes: long runs of NULs that no program wrote, as `copytruncate` leaves them before the next line."""

from __future__ import annotations

import errno
import io
import os
from typing import Any

_READ_BYTES = 1 << 20


def after_hole(content: Any, place: int) -> int:
    """The first place from `place` on that holds something but NULs, or the end.

    Where the file system knows its holes they cost nothing, whatever their size.
    """
    if isinstance(content, io.BufferedReader) and hasattr(os, "SEEK_DATA"):
        descriptor = content.fileno()
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            place = os.lseek(descriptor, place, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data up to the end
                return os.fstat(descriptor).st_size
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)  # the reader's buffer counts on it
    content.seek(place)
    while data := content.read(_READ_BYTES):
        kept = data.lstrip(b"\0")
        if kept:
            return place + len(data) - len(kept)
        place += len(data)
    return place

"""Captured output as it is read: in whole characters, in bounded pieces, and of a long log its end."""

from __future__ import annotations

import contextlib
from pathlib import Path

from dagster._core.storage.compute_log_manager import (
    CapturedLogData,
    CapturedLogSubscription,
    ComputeLogManager,
)
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from typing_extensions import override

from scheduler_defs.private import FILE_MODE

MOST_BYTES = 5_000_000
"""Of one stream that a reader without a limit gets at once. Dagster's UI shows no more than the last 5 MB."""

CHUNK_BYTES = 1_000_000
_LONGEST_CHARACTER = 4


def read_log(
    path: Path, offset: int, most: int | None, *, complete: bool
) -> tuple[None, int] | tuple[bytes, int]:
    """At most `most` bytes from `offset`, and where to go on. None without a file.

    A character that is not whole yet is left for the next time, unless no more will come.
    """
    limit = MOST_BYTES if most is None else most
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit)
    except (FileNotFoundError, IsADirectoryError):
        return None, offset
    ended = complete and len(data) < limit
    if not ended and limit >= _LONGEST_CHARACTER:  # less could never be read on
        data = whole_characters(data)
    return data, offset + len(data)


def whole_characters(data: bytes) -> bytes:
    """`data` without the beginning of a UTF-8 character at its end. What is no UTF-8 stays."""
    for back in range(1, min(_LONGEST_CHARACTER, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return data
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4 if byte < 0xF8 else 1
            return data[:-back] if back < length else data
    return data


def end_captures(manager: ComputeLogManager, run_id: str) -> None:
    """Tell the viewers of a run that has ended that no more will come.

    Its steps say so themselves; one that was killed could not.
    """
    if isinstance(manager, LocalComputeLogManager):
        folder = Path(manager.get_captured_local_path([run_id, "compute_logs", "any"], "out")).parent
        with contextlib.suppress(OSError):
            for output in folder.glob("*.out"):
                if not (complete := output.with_suffix(".complete")).exists():
                    complete.touch(mode=FILE_MODE)


class EndSubscription(CapturedLogSubscription):
    """A viewer of a growing log. One who comes late, or is slow, gets the end of it and a line that says so.

    Dagster's own hands the whole log over at once, into the memory of the webserver.
    """

    @override
    def fetch(self) -> None:
        if self._observer is None:
            return
        data = self._skipping()
        for _ in range(MOST_BYTES // CHUNK_BYTES + 1):
            data = data or self._manager.get_log_data(self._log_key, self._cursor, max_bytes=CHUNK_BYTES)
            if self._cursor and data.cursor == self._cursor:
                return
            self._observer(data)
            self._cursor = data.cursor
            if max(len(data.stdout or b""), len(data.stderr or b"")) <= CHUNK_BYTES - _LONGEST_CHARACTER:
                return
            data = None

    def _skipping(self) -> CapturedLogData | None:
        """The first piece after what is left out; None when nothing has to be."""
        at = self._manager.parse_cursor(self._cursor)
        sizes = self._manager.sizes(self._log_key)  # pyright: ignore[reportAttributeAccessIssue]
        starts = [max(here, size - MOST_BYTES) for here, size in zip(at, sizes, strict=True)]
        if tuple(starts) == at:
            return None
        cursor = self._manager.build_cursor(starts[0], starts[1])
        found = self._manager.get_log_data(self._log_key, cursor, max_bytes=CHUNK_BYTES)
        out, err = (
            data if start == here or data is None else _from_line(data, start - here)
            for data, start, here in zip((found.stdout, found.stderr), starts, at, strict=True)
        )
        return CapturedLogData(found.log_key, out, err, found.cursor)

    @override
    def complete(self) -> None:
        # The last bytes may be half a character, for whose rest nobody has to wait any more.
        self.fetch()
        super().complete()
        if self._observer is not None:
            # Whoever serves the viewer looks whether it is complete only when something comes.
            self._observer(CapturedLogData(self._log_key, cursor=self._cursor))


def _from_line(data: bytes, left_out: int) -> bytes:
    """`data` from its first whole line, behind a line that says how much is not shown."""
    _, found, rest = data.partition(b"\n")
    kept = rest if found else data.lstrip(bytes(range(0x80, 0xC0)))
    left_out += len(data) - len(kept)
    return (
        f"[{left_out:,} bytes before this are not shown; the whole log can be downloaded]\n".encode() + kept
    )

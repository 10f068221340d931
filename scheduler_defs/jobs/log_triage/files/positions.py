"""How far each file was read, so that the next run starts there: also after rotation, truncation and
compression.

A file is known by device and inode, and checked by its content: a hash of its first bytes and one of the
bytes just before the offset. So a file that was truncated and written anew is read from its start, and a
file that was renamed, copied and truncated, or compressed is recognised and read on. Only hashes are kept,
never content.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.atomic import write_atomically
from scheduler_defs.jobs.log_triage.files.reading import READ_ERRORS, Content, Progress
from scheduler_defs.private import make_private

_HEAD_BYTES = 1024
_KEPT_SECONDS = 14 * 24 * 3600
"""Positions of files that are gone are kept this long: their compressed form may come later."""
_VERSION = 1


@dataclass(frozen=True)
class Position:
    """Everything before `offset` of this file was counted. `head` and `tail` are SHA-256 hashes."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    offset: int
    unfinished: int
    head: str
    head_bytes: int
    tail: str
    tail_bytes: int
    seen: float
    """When the file was last found, seconds since 1970."""


class Positions:
    """The positions of the last run, and those that this run makes."""

    def __init__(self, known: Iterable[Position] = ()) -> None:
        self._by_inode = {(position.device, position.inode): position for position in known}
        self._claimed: set[tuple[int, int]] = set()
        self._new: dict[tuple[int, int], Position] = {}

    @classmethod
    def load(cls, path: Path) -> tuple[Positions, str | None]:
        """The positions in the file, and what is wrong with it if it cannot be used: then none."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["version"] != _VERSION:
                return cls(), f"version {document['version']}, expected {_VERSION}: all files are read again"
            return cls(Position(**entry) for entry in document["files"]), None
        except FileNotFoundError:
            return cls(), None
        except (OSError, ValueError, KeyError, TypeError) as error:
            return cls(), f"unreadable ({type(error).__name__}): all files are read again"

    def save(self, path: Path, *, now: float | None = None) -> None:
        """Replace the file in one step: this run's positions, and those of files not found this time."""
        oldest = (time.time() if now is None else now) - _KEPT_SECONDS
        kept = {
            key: position
            for key, position in self._by_inode.items()
            if key not in self._claimed and position.seen >= oldest
        }
        files = [dataclasses.asdict(position) for position in {**kept, **self._new}.values()]
        make_private(path.parent)
        write_atomically(path, json.dumps({"version": _VERSION, "files": files}, indent=1) + "\n")

    def knows_inode(self, status: os.stat_result) -> bool:
        """Whether the last runs read a file under this device and inode, whatever its content was."""
        return (status.st_dev, status.st_ino) in self._by_inode

    def unchanged(self, status: os.stat_result) -> Position | None:
        """The position of a file that has not been touched since it was read to its end."""
        position = self._by_inode.get((status.st_dev, status.st_ino))
        if position and (position.size, position.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return position
        return None

    def of_inode(self, status: os.stat_result, content: Content) -> Position | None:
        """Where to go on in a file that this inode was before, if its content is still the same."""
        position = self._by_inode.get((status.st_dev, status.st_ino))
        return position if position and _continues(content, position) else None

    def of_content(self, content: Content) -> Position | None:
        """Where to go on in a file that is new, but has the content of one that is gone or was truncated."""
        heads: dict[int, str] = {}
        for key, position in self._by_inode.items():
            if key in self._claimed or position.offset == 0:
                continue
            if position.head_bytes not in heads:
                heads[position.head_bytes] = _digest(_head(content, position.head_bytes))
            if heads[position.head_bytes] == position.head and _continues(content, position):
                return position
        return None

    def claim(self, position: Position) -> None:
        """The position belongs to a file of this run: no other file may go on from it."""
        self._claimed.add((position.device, position.inode))

    def keep(self, position: Position, *, now: float) -> None:
        """The file is as it was."""
        self.claim(position)
        self._new[(position.device, position.inode)] = dataclasses.replace(position, seen=now)

    def record(
        self,
        path: Path,
        status: os.stat_result,
        content: Content,
        *,
        progress: Progress,
        now: float,
    ) -> None:
        """This run read the file, which was as `status` says when it was opened."""
        head = _head(content, min(progress.offset, _HEAD_BYTES))
        self._new[(status.st_dev, status.st_ino)] = Position(
            path=str(path),
            device=status.st_dev,
            inode=status.st_ino,
            size=-1 if progress.stopped else status.st_size,
            mtime_ns=status.st_mtime_ns,
            offset=progress.offset,
            unfinished=progress.unfinished,
            head=_digest(head),
            head_bytes=len(head),
            tail=_digest(progress.tail),
            tail_bytes=len(progress.tail),
            seen=now,
        )


def _continues(content: Content, position: Position) -> bool:
    """Whether the content up to the position is what was read then."""
    if _digest(_head(content, position.head_bytes)) != position.head:
        return False
    try:
        content.seek(position.offset - position.tail_bytes)
        tail = content.read(position.tail_bytes)
    except READ_ERRORS:
        return False
    return len(tail) == position.tail_bytes and _digest(tail) == position.tail


def _head(content: Content, size: int) -> bytes:
    """The first bytes, nothing when they cannot be read."""
    try:
        content.seek(0)
        return content.read(size)
    except READ_ERRORS:
        return b""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

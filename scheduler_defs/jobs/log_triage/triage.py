"""One pass over the logs: find the files, read what is new, group it. The report comes before the positions.

The positions are saved by the caller after the report is written (`Triage.save_positions`): a crash in
between makes the next run repeat this one, and loses nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.log_triage.files.finding import Problem, find_files
from scheduler_defs.jobs.log_triage.files.permission import AllowedFiles, real_path_of
from scheduler_defs.jobs.log_triage.files.positions import Position, Positions
from scheduler_defs.jobs.log_triage.files.reading import (
    READ_ERRORS,
    Content,
    describe,
    looks_binary,
    opened,
    read_blocks,
)
from scheduler_defs.jobs.log_triage.grouping.grouper import Grouper
from scheduler_defs.jobs.log_triage.grouping.groups import Group
from scheduler_defs.jobs.log_triage.lines.severity import WORST_FIRST
from scheduler_defs.private import make_private, open_private


@dataclass(frozen=True)
class FileRead:
    """What one file contributed. `state` is one of new, continued, moved, rewritten."""

    path: str
    state: str
    bytes_read: int
    lines_cut: int
    left_over: bool


@dataclass
class Triage:
    """The outcome of a pass."""

    groups: list[Group]
    lines: int
    continuations: int
    files: list[FileRead] = field(default_factory=list)
    unchanged: int = 0
    binary: list[str] = field(default_factory=list[str])
    """Files that were passed over because nobody could read what is in them."""
    problems: list[Problem] = field(default_factory=list)
    bytes_read: int = 0
    seconds: float = 0.0
    positions: Positions = field(default_factory=Positions)
    positions_path: Path = Path()
    allowed: AllowedFiles = field(default_factory=lambda: AllowedFiles(()))

    def save_positions(self) -> None:
        """To be called once the report is safe: what was read will not be read again."""
        self.positions.save(self.positions_path)


@dataclass(frozen=True)
class _Opened:
    path: Path
    status: os.stat_result
    content: Content
    closing: contextlib.ExitStack


def triage(
    patterns: Sequence[str],
    state: Path,
    *,
    allowed: AllowedFiles | None = None,
    max_groups: int = 1000,
    max_bytes: int | None = None,
) -> Triage:
    """Read what is new in the files that match. `state` is the folder of `positions.json`.

    Files that `allowed` does not cover (by default: what the patterns themselves do not name) are not read.
    Raises SignalboxError, one line, when a pattern begins outside of what is allowed.
    """
    allowed = allowed or AllowedFiles(patterns)
    allowed.refuse_others(patterns)
    started = time.monotonic()
    positions_path = state / "positions.json"
    positions, fault = Positions.load(positions_path)
    paths, problems = find_files(patterns)
    if fault:
        problems.append(Problem(str(positions_path), fault))
    grouper = Grouper(max_groups=max_groups)
    result = Triage(
        [], 0, 0, problems=problems, positions=positions, positions_path=positions_path, allowed=allowed
    )
    fresh = [path for path in paths if not _go_on(path, grouper, result, max_bytes)]
    for path in fresh:
        _start(path, grouper, result, max_bytes)
    result.groups = sorted(grouper.groups(), key=_importance)
    result.lines = grouper.lines
    result.continuations = grouper.continuations
    result.seconds = time.monotonic() - started
    return result


@contextlib.contextmanager
def exclusive(state: Path, *, wait_seconds: float) -> Iterator[None]:
    """One pass at a time on a state folder. Raises SignalboxError when another one goes on for too long."""
    make_private(state)
    deadline = time.monotonic() + wait_seconds
    with open(state / "lock", "w", opener=open_private) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise SignalboxError(
                        f"{state}: another log_triage has been running for over {wait_seconds:g} s"
                    ) from None
                time.sleep(0.2)
        yield


def _go_on(path: Path, grouper: Grouper, result: Triage, max_bytes: int | None) -> bool:
    """Deal with a file that is known by its inode; False when it is not."""
    file = _open(path, result)
    if file is None:
        return True
    with file.closing:
        now = time.time()
        position = result.positions.unchanged(file.status)
        if position is not None:
            result.positions.keep(position, now=now)
            result.unchanged += 1
            return True
        position = result.positions.of_inode(file.status, file.content)
        if position is None:
            return False
        result.positions.claim(position)
        _read(file, position, "continued", grouper, result, max_bytes)
        return True


def _start(path: Path, grouper: Grouper, result: Triage, max_bytes: int | None) -> None:
    """Deal with a file that is not known by its inode: it may be one that was moved, copied or compressed."""
    file = _open(path, result)
    if file is None:
        return
    with file.closing:
        position = result.positions.of_content(file.content)
        if position is not None:
            result.positions.claim(position)
            state = "moved"
        else:
            state = "rewritten" if result.positions.knows_inode(file.status) else "new"
        _read(file, position, state, grouper, result, max_bytes)


def _open(path: Path, result: Triage) -> _Opened | None:
    """The file and its content; None when it is binary or cannot be read, which goes into the result."""
    with contextlib.ExitStack() as stack:
        try:
            raw = stack.enter_context(open(path, "rb", opener=_without_waiting))
            status = os.fstat(raw.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            if not result.allowed.covers(real_path_of(raw.fileno(), path)):
                result.problems.append(Problem(str(path), "leads to a file that declarations do not name"))
                return None
            content = opened(raw, path.name)
            if looks_binary(content):
                result.binary.append(str(path))
                return None
            return _Opened(path, status, content, stack.pop_all())
        except READ_ERRORS as error:
            result.problems.append(Problem(str(path), describe(error)))
            return None


def _without_waiting(path: str, flags: int) -> int:
    """A pipe that took the place of a file would wait for ever for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _read(
    file: _Opened,
    position: Position | None,
    state: str,
    grouper: Grouper,
    result: Triage,
    max_bytes: int | None,
) -> None:
    offset, unfinished = (position.offset, position.unfinished) if position else (0, 0)
    budget = None if max_bytes is None else max_bytes - result.bytes_read
    if budget is not None and budget <= 0:
        if position is not None:
            result.positions.keep(position, now=time.time())
        result.files.append(FileRead(str(file.path), state, 0, 0, left_over=True))
        return
    written = dt.datetime.fromtimestamp(file.status.st_mtime).astimezone()
    grouper.begin(str(file.path), written=written)
    progress = read_blocks(file.content, grouper.add, offset=offset, unfinished=unfinished, budget=budget)
    grouper.end()
    if progress.error:
        result.problems.append(Problem(str(file.path), progress.error))
    result.positions.record(file.path, file.status, file.content, progress=progress, now=time.time())
    read = max(0, progress.offset - offset - progress.skipped)
    result.bytes_read += read
    result.files.append(FileRead(str(file.path), state, read, progress.lines_cut, left_over=progress.stopped))


def _importance(group: Group) -> tuple[int, int, str]:
    return WORST_FIRST.index(group.severity), -group.count, group.template

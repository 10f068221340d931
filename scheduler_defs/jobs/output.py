"""What a command prints: straight into the run's compute log, and its last lines for the failure message.

Dagster makes this process' stdout and stderr files while a step runs. A command inherits them, so nothing is
copied however much it prints. Where they are no files (a terminal, a pipe), a temporary file takes their
place and is copied on as it grows: a command never waits for, or is ended by, who reads its output.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

LONGEST_TAIL_BYTES = 16 * 1024
LONGEST_LINE = 500
TAIL_LINES = 20

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f\u2028\u2029]")
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Tail:
    """The last lines of a command's stdout and stderr, as printable text."""

    stdout: tuple[str, ...] = ()
    stderr: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Those that most likely say what went wrong."""
        return self.stderr or self.stdout


class CommandOutput:
    """File descriptors for a command's stdout and stderr; by default where our own output goes.

    Left as a context manager it copies the rest on.
    """

    def __init__(self, stdout: int | None = None, stderr: int | None = None) -> None:
        stdout = _fileno(sys.stdout, sys.__stdout__, 1) if stdout is None else stdout
        stderr = _fileno(sys.stderr, sys.__stderr__, 2) if stderr is None else stderr
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # what was printed before the command comes before it
                stream.flush()
        self._stdout = _Stream(stdout)
        self._stderr = _Stream(stderr)

    @property
    def stdout(self) -> int:
        """For the command's fd 1."""
        return self._stdout.fd

    @property
    def stderr(self) -> int:
        """For the command's fd 2."""
        return self._stderr.fd

    def follow(self) -> None:
        """Copy on what is new, where there is no file to print into."""
        self._stdout.follow()
        self._stderr.follow()

    def tail(self, hidden: Iterable[str] = ()) -> Tail:
        """The last lines. `hidden` are texts (secrets) that must not be repeated."""
        self.follow()
        secrets = tuple(hidden)
        stdout, stderr = (_lines(stream.tail(), secrets) for stream in (self._stdout, self._stderr))
        return Tail(stdout, () if self._stdout.is_same_file(self._stderr) else stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.follow()
        self._stdout.close()
        self._stderr.close()


def hide(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each secret. Very short values stand for too much else, so they stay."""
    for secret in sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class _Stream:
    """One file descriptor of ours, or the file in its place."""

    def __init__(self, fd: int) -> None:
        self._copied = 0
        self._copy_to: int | None = None
        reader = _reopen(fd)
        if reader is not None:
            self.fd = fd
            self._reader = reader
            self._start = _end(fd)
            self._owned = False
        else:
            self.fd, path = tempfile.mkstemp(prefix="signalbox-output-")
            fcntl.fcntl(self.fd, fcntl.F_SETFL, fcntl.fcntl(self.fd, fcntl.F_GETFL) | os.O_APPEND)
            os.unlink(path)  # noqa: PTH108
            self._reader = os.dup(self.fd)
            self._start = 0
            self._owned = True
            self._copy_to = fd

    def follow(self) -> None:
        while self._copy_to is not None:
            data = os.pread(self._reader, _COPY_BYTES, self._copied)
            if not data:
                return
            self._copied += len(data)
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(self._copy_to, left) :]
            except OSError:  # nobody reads it, or it is closed; the command goes on all the same
                self._copy_to = None

    def tail(self) -> bytes:
        size = os.fstat(self._reader).st_size
        begin = max(self._start, size - LONGEST_TAIL_BYTES)
        return os.pread(self._reader, max(0, size - begin), begin)

    def is_same_file(self, other: _Stream) -> bool:
        return os.path.sameopenfile(self._reader, other._reader)

    def close(self) -> None:
        os.close(self._reader)
        if self._owned:
            os.close(self.fd)


def _fileno(stream: object, original: object, usual: int) -> int:
    """The stream's file descriptor. Celery puts loggers without one in the place of the originals."""
    for found in (stream, original):
        with contextlib.suppress(Exception):
            return found.fileno()  # pyright: ignore[reportAttributeAccessIssue]
    return usual


def _reopen(fd: int) -> int | None:
    """The regular file behind `fd`, for reading; None when it is none, or cannot be read."""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        path = f"/proc/self/fd/{fd}"
        if hasattr(fcntl, "F_GETPATH"):  # macOS
            path = os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _end(fd: int) -> int:
    """Where the next byte that is written to `fd` will be."""
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND:
        return os.fstat(fd).st_size
    return os.lseek(fd, 0, os.SEEK_CUR)


def _lines(data: bytes, secrets: Iterable[str]) -> tuple[str, ...]:
    """The last lines as text: printable, each of bearable length, without empty ones."""
    text = _ESCAPES.sub("", data.decode("utf-8", errors="replace"))
    text = hide(text, secrets)
    lines = [_UNPRINTABLE.sub("", line).rstrip()[:LONGEST_LINE] for line in text.splitlines()]
    return tuple([line for line in lines if line.strip()][-TAIL_LINES:])

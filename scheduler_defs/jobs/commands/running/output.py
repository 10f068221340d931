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

from scheduler_defs.redaction.known_values import hide

LONGEST_TAIL_BYTES = 16 * 1024
LONGEST_LINE = 500
TAIL_LINES = 20
LONGEST_FORM = 4
"""An encoded form of a secret (percent encoding, for example) is at most so many times as long."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f\u2028\u2029]")
_COPY_BYTES = 1 << 20
_END_BYTES = 256 * 1024
_FRESH_BYTES = 8 << 20


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
        more = LONGEST_FORM * max((len(secret.encode("utf-8", "replace")) for secret in secrets), default=0)
        stdout, stderr = (
            _lines(*stream.tail(more), secrets, more) for stream in (self._stdout, self._stderr)
        )
        return Tail(stdout, () if self._stdout.is_same_file(self._stderr) else stderr)

    def printed(self) -> list[str]:
        """The first and the last lines of stdout and stderr, whole ones, as they were printed."""
        self.follow()
        streams = (self._stdout,) if self._stdout.is_same_file(self._stderr) else (self._stdout, self._stderr)
        return [line for stream in streams for line in stream.ends().decode("utf-8", "replace").splitlines()]

    def fresh(self, *, last: bool = False) -> list[str]:
        """The whole lines that were not there when this was last asked; with `last` also an unended one."""
        self.follow()
        streams = (self._stdout,) if self._stdout.is_same_file(self._stderr) else (self._stdout, self._stderr)
        return [
            line
            for stream in streams
            for line in stream.fresh(last=last).decode("utf-8", "replace").splitlines()
        ]

    def last_line(self) -> str:
        """The end of what was printed last, ended or not, of stdout or else of stderr."""
        for stream in (self._stdout, self._stderr):
            data, _ = stream.tail(0)
            if lines := data.decode("utf-8", "replace").splitlines():
                return lines[-1]
        return ""

    @property
    def size(self) -> int:
        """How many bytes there are, of stdout and stderr."""
        self.follow()
        return self._stdout.size + self._stderr.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.follow()
        self._stdout.close()
        self._stderr.close()


class _Stream:
    """One file descriptor of ours, or the file in its place."""

    def __init__(self, fd: int) -> None:
        self._copied = 0
        self._seen: int | None = None
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

    def tail(self, more: int) -> tuple[bytes, bool]:
        """The last bytes, `more` than are shown, and whether something came before them."""
        size = os.fstat(self._reader).st_size
        begin = max(self._start, size - LONGEST_TAIL_BYTES - more)
        return os.pread(self._reader, max(0, size - begin), begin), begin > self._start

    def ends(self) -> bytes:
        """The beginning and the end; all of it when that is not much more."""
        size = os.fstat(self._reader).st_size
        if size - self._start <= 2 * _END_BYTES:
            return os.pread(self._reader, max(0, size - self._start), self._start)
        first = os.pread(self._reader, _END_BYTES, self._start)
        return first[: first.rfind(b"\n") + 1] + os.pread(self._reader, _END_BYTES, size - _END_BYTES)

    @property
    def size(self) -> int:
        return os.fstat(self._reader).st_size

    def fresh(self, *, last: bool) -> bytes:
        """From where it was last read, some MB at once: whole lines, unless one alone is that long."""
        begin = self._start if self._seen is None else self._seen
        data = os.pread(self._reader, min(max(0, self.size - begin), _FRESH_BYTES), begin)
        whole = data.rfind(b"\n") + 1
        full = len(data) == _FRESH_BYTES
        end = len(data) if (last and not full) or (full and not whole) else whole
        self._seen = begin + end
        return data[:end]

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


def _lines(data: bytes, cut: bool, secrets: tuple[str, ...], longest: int) -> tuple[str, ...]:
    """The last lines as text: printable, each of bearable length, without empty ones."""
    text = _ESCAPES.sub("", data.decode("utf-8", errors="replace"))
    text = hide(text, secrets)
    if cut:  # the rest of a secret whose beginning was not read is at the very beginning
        text = text[longest:]
    lines = [_UNPRINTABLE.sub("", line).rstrip()[:LONGEST_LINE] for line in text.splitlines()]
    return tuple([line for line in lines if line.strip()][-TAIL_LINES:])

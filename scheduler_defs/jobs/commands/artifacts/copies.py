"""One file of a command, copied so that nothing of the command can change the copy. Holes stay holes."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from scheduler_defs.private import make_private

_T = TypeVar("_T")
_CHUNK_BYTES = 1 << 20
# The copy cannot be made under this name; nothing is wrong with the disk.
_BAD_NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


class NotKeptError(Exception):
    """One file is not kept, for a reason of its own. The others are."""


def copy_file(
    root: Path, path: Path, target: Path, changed_since: float | None, check: Callable[[], None]
) -> int | None:
    """Copy the file at `path`, which must lie below `root`, to `target`; its size in bytes.

    None for a file that has not changed since then (seconds since 1970). `check` is called now and then; what
    it raises ends the copy. Raises NotKeptError for what is wrong with this file, OSError for the disk.
    """
    try:
        real = path.resolve(strict=True)
    except PermissionError as error:
        raise NotKeptError(error.strerror) from None
    except (OSError, RuntimeError):
        raise NotKeptError("a symbolic link to nowhere") from None
    if not real.is_relative_to(root):
        raise NotKeptError("a symbolic link that leads out of the working directory")
    # NONBLOCK: a named pipe would wait for ever.
    source = _of_source(lambda: os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        facts = os.fstat(source)
        if not stat.S_ISREG(facts.st_mode):
            raise NotKeptError("not a regular file")
        if changed_since is not None and max(facts.st_ctime, facts.st_mtime) < changed_since:
            return None
        return _copy(source, facts.st_size, target, check)
    finally:
        os.close(source)


def _copy(source: int, size: int, target: Path, check: Callable[[], None]) -> int:
    try:
        make_private(target.parent)
        fd, name = tempfile.mkstemp(dir=target.parent, prefix=".keep-")
    except OSError as error:
        raise NotKeptError(error.strerror) if error.errno in _BAD_NAMES else error from None
    partial = Path(name)
    try:
        try:
            _fill(source, size, fd, check)
        finally:
            os.close(fd)
        try:
            partial.replace(target)
        except OSError as error:
            raise NotKeptError(error.strerror) if error.errno in _BAD_NAMES else error from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return size


def _fill(source: int, size: int, copy: int, check: Callable[[], None]) -> None:
    """Copy what is data; the rest is left as a hole."""
    position = 0
    while position < size:
        begin = _seek(source, position, os.SEEK_DATA, otherwise=position)
        if begin is None:
            break
        end = _seek(source, begin, os.SEEK_HOLE, otherwise=size) or size
        position = begin
        while position < end:
            check()
            data = _of_source(lambda: os.pread(source, min(_CHUNK_BYTES, end - position), position))  # noqa: B023
            if not data:  # it has become shorter
                os.ftruncate(copy, position)
                return
            left = memoryview(data)
            while left:
                written = os.pwrite(copy, left, position)
                left, position = left[written:], position + written
    os.ftruncate(copy, size)


def _seek(source: int, position: int, whence: int, *, otherwise: int) -> int | None:
    """The next data or hole; `otherwise` on a file system that does not know. None: no more data."""
    try:
        return os.lseek(source, position, whence)
    except OSError as error:
        return None if error.errno == errno.ENXIO else otherwise


def _of_source(act: Callable[[], _T]) -> _T:
    try:
        return act()
    except OSError as error:
        raise NotKeptError(error.strerror) from None

"""The standard streams of the command: what they refuse is one line and an exit code, never a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

OUTPUT = "standard output"
READER_GONE = 141
"""The exit code of a program whose reader has gone (`| head`), as a shell shows it: 128 + SIGPIPE."""


class _Output(io.FileIO):
    """Descriptor 1. A refusal names the stream; afterwards what is left in buffers goes nowhere, quietly."""

    def write(self, data: Any, /) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if error.errno == errno.EPIPE:
                # No OSError: Click would end with 1 for it, and 1 says that the answer is no.
                raise SystemExit(READER_GONE) from None
            reason = "it is closed" if error.errno == errno.EBADF else error.strerror
            raise OSError(error.errno, reason, OUTPUT) from None


def guard_streams() -> None:
    """Give every standard stream something behind it, and let refusals of standard output say so.

    What is printed is UTF-8 in every locale, as what is given is: an ASCII one has no place for a name.
    A program that was started with a stream closed would hand its number to the next file that it opens.
    """
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for number in closed:
        # Reading is all that descriptor 1 then allows: what is printed is lost, and that is an error.
        os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if 2 in closed:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        terminal = os.isatty(1)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(1, "w", closefd=False)),
            encoding="utf-8",
            errors=getattr(sys.stdout, "errors", None) or "strict",
            line_buffering=terminal,
        )


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

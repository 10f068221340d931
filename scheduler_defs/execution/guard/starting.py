"""What a command is started with, as bytes, and what is said when the system does not start it."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.text import shortened, storable

LONGEST_TEXT_BYTES = 131_071
"""Of one argument or `NAME=value`, on Linux with pages of 4 kB (`MAX_ARG_STRLEN`, without the NUL)."""

_LONGEST_SAID = 300


class NotStartedError(SignalboxError):
    """The command could not be started: no such program or folder, or no permission."""


@dataclass(frozen=True)
class Start:
    """A program with its arguments, environment and working directory."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str | Path | None

    def arguments(self) -> list[bytes]:
        """The arguments in UTF-8, whatever the locale; bytes of file names that are none stay as they are.

        Raises NotStartedError for what no argument can hold.
        """
        if not self.argv:
            raise NotStartedError("the command is empty; give a program and its arguments")
        return [_encoded(text) for text in self.argv]

    def variables(self) -> dict[bytes, bytes]:
        """The environment: what is passed on from our own stays as it is, byte for byte.

        Raises NotStartedError as `arguments` does.
        """
        own = os.environ
        return {
            _encoded(name): os.fsencode(value) if own.get(name) == value else _encoded(value)
            for name, value in self.env.items()
        }

    def why_not(self, stage: str, number: int) -> str:
        """One line for the error `number` of the system at a stage of `process.py`, `cwd` or `exec`."""
        reason = os.strerror(number)
        if stage == "cwd":
            return f"working directory {str(self.cwd)!r}: {reason}"
        program = repr(shortened(storable(self.argv[0]), _LONGEST_SAID))
        if number == errno.ENOENT and "/" not in self.argv[0]:
            return f"program {program} is not found on PATH {storable(self.env.get('PATH', os.defpath))}"
        if number == errno.E2BIG:
            return f"program {program}: {self._too_long()}"
        if number == errno.ENOEXEC:
            reason = "not a program, nor a script whose first line begins with #!"
        return f"program {program}: {reason}"

    def _too_long(self) -> str:
        """Which argument or variable is too long; else how much all of them are together."""
        most = f"at most {LONGEST_TEXT_BYTES:,}"
        sizes = [len(argument) for argument in self.arguments()]
        for place, size in enumerate(sizes):
            if size > LONGEST_TEXT_BYTES:
                return f"argument {place} has {size:,} bytes ({most})"
        variables = {name: len(name) + 1 + len(value) for name, value in self.variables().items()}
        for name, size in variables.items():
            if size > LONGEST_TEXT_BYTES:
                return f"variable {os.fsdecode(name)} has {size:,} bytes ({most})"
        total = sum(sizes) + sum(variables.values())
        return f"arguments and environment have {total:,} bytes together, more than this system takes"


def _encoded(text: str) -> bytes:
    if "\0" in text:
        raise NotStartedError(f"a command cannot have NUL characters in it: {text[:40]!r}")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise NotStartedError(
            f"a command cannot have half of a UTF-16 pair (a lone surrogate) in it: {text[:40]!r}"
        ) from None

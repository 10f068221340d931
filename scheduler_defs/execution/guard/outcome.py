"""How a guarded command ended, as its guard reports it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Ending(StrEnum):
    """How a command ended."""

    EXITED = "exited"
    """By itself, with an exit code or by a signal that was not ours."""
    TIMED_OUT = "timed_out"
    """It was ended because its time was up."""
    FENCED = "fenced"
    """It was killed because the worker's lease was lost; somebody else may run it now."""
    CANCELLED = "cancelled"
    """Somebody asked for its end."""
    LOST = "lost"
    """Its guard was killed; so is the command, but nobody knows how it would have ended."""


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    `exit_code` is 128 + n if signal n ended it, and None when nobody knows. `peak_memory_bytes` is the
    resident memory of its largest single process (never less than the guard's own, about 9 MB).
    `survivors` counts processes that SIGKILL could not end.
    """

    ending: Ending
    exit_code: int | None
    signal: int | None
    duration: timedelta
    peak_memory_bytes: int
    survivors: int = 0

    @property
    def succeeded(self) -> bool:
        """It ended by itself, with exit code 0."""
        return self.ending is Ending.EXITED and self.exit_code == 0


def reported(cause: str, status: str, duration: str, peak_kb: str, survivors: str) -> Outcome:
    """The outcome behind the last line of a guard (`X`, see `process.py`)."""
    endings = {"timeout": Ending.TIMED_OUT, "fenced": Ending.FENCED, "cancel": Ending.CANCELLED}
    code = None if status == "-1" else os.waitstatus_to_exitcode(int(status))
    return Outcome(
        endings.get(cause, Ending.EXITED),
        exit_code=code if code is None or code >= 0 else 128 - code,
        signal=-code if code is not None and code < 0 else None,
        duration=timedelta(seconds=float(duration)),
        peak_memory_bytes=int(peak_kb) * 1024,
        survivors=int(survivors),
    )

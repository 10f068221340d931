"""Commands around an agent's work: what prepares its worktree, and what must succeed before it counts."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.execution.guard.guard import Guarded
from scheduler_defs.execution.guard.outcome import Ending
from scheduler_defs.execution.guard.starting import NotStartedError
from scheduler_defs.execution.leases.current import allow_grace
from scheduler_defs.execution.storage.compute_logs import aside
from scheduler_defs.jobs.commands.running.env import CommandEnvironment
from scheduler_defs.redaction import redact_secrets
from scheduler_defs.redaction.known_values import hide
from scheduler_defs.text import storable

GRACE = dt.timedelta(seconds=5)
LONGEST_OUTPUT = 16_000
"""Characters that go back to the agent, the last ones."""
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Failed:
    """A command that did not succeed: how it ended, and the end of what it printed."""

    command: str
    how: str
    output: str

    def __str__(self) -> str:
        return f"`{self.command}`: {self.how}"

    def text(self) -> str:
        """For the agent, and for whoever decides about the task."""
        return f"{self}\n{self.output}".rstrip()


def first_failure(
    commands: Sequence[Sequence[str]],
    environment: CommandEnvironment,
    cwd: Path,
    *,
    timeout: dt.timedelta,
    why: str,
    keep: Path | None = None,
) -> Failed | None:
    """Run commands one after the other; the first that fails, or None. `why` stands before their output.

    Their output goes into the run's log, and is added to the file `keep`.
    """
    for command in commands:
        if (failed := _run(command, environment, cwd, timeout, why, keep)) is not None:
            return failed
    return None


def _run(
    command: Sequence[str],
    environment: CommandEnvironment,
    cwd: Path,
    timeout: dt.timedelta,
    why: str,
    keep: Path | None,
) -> Failed | None:
    shown = hide(shlex.join(command), environment.secrets)
    with aside() as (out, _err), tempfile.TemporaryFile() as printed:
        log = _Log(printed.fileno(), out)
        log.say(f"[{why}] {shown}\n")
        allow_grace(GRACE)
        try:
            guarded = Guarded(
                command,
                env=environment.variables,
                cwd=cwd,
                timeout=timeout,
                grace=GRACE,
                stdout=printed.fileno(),
                stderr=printed.fileno(),
                label=f"{why}: {shown[:60]}",
            )
            with guarded:
                try:
                    outcome = guarded.wait(log.follow)
                except BaseException:
                    guarded.end()
                    raise
            code = outcome.exit_code
            ended = (
                f"timed out after {timeout.total_seconds():g} s"
                if outcome.ending is Ending.TIMED_OUT
                else (f"exit code {code}" if outcome.ending is Ending.EXITED else outcome.ending.value)
            )
            succeeded = outcome.succeeded
        except NotStartedError as error:
            ended, succeeded = hide(str(error), environment.secrets), False
        log.follow()
        output = redact_secrets(hide(storable(log.end()), environment.secrets))
    if keep is not None:
        with keep.open("a", encoding="utf-8") as file:
            file.write(f"$ {shown}\n{output}\n[{ended}]\n")
    return None if succeeded else Failed(shown, ended, output[-LONGEST_OUTPUT:])


class _Log:
    """What a command prints into a file, copied on into the run's log as it grows."""

    def __init__(self, printed: int, to: int | None) -> None:
        self._printed, self._to, self._copied = printed, to, 0

    def say(self, text: str) -> None:
        if self._to is not None:
            with contextlib.suppress(OSError):
                os.write(self._to, text.encode("utf-8", "replace"))

    def follow(self) -> None:
        while self._to is not None and (data := os.pread(self._printed, _PIECE, self._copied)):
            self._copied += len(data)
            with contextlib.suppress(OSError):
                os.write(self._to, data)

    def end(self) -> str:
        size = os.fstat(self._printed).st_size
        begin = max(0, size - 4 * LONGEST_OUTPUT)
        return os.pread(self._printed, size - begin, begin).decode("utf-8", "replace")

"""Calls of git: under the guard, with no hooks of anybody's, never asking at a terminal, bounded in time."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.guard.guard import run_guarded
from scheduler_defs.jobs.commands.running.env import command_environment
from scheduler_defs.redaction import redact_secrets

LOCAL = dt.timedelta(minutes=5)
REMOTE = dt.timedelta(minutes=15)
"""For what goes over a network."""

_PASSED = ("SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_ASKPASS", "https_proxy", "http_proxy", "no_proxy")
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_EDITOR": "true",
    "GIT_MERGE_AUTOEDIT": "no",
    "LC_ALL": "C",
}
# What the repository, or an agent in it, has configured to be run is not run by us.
_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"),
    *("-c", "commit.gpgSign=false", "-c", "safe.directory=*", "-c", "advice.detachedHead=false"),
)
_MOST_SHOWN = 1000


class GitError(SignalboxError):
    """A git command failed; the message has its last words. `output` is all that it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


def git(
    *arguments: str,
    at: Path,
    env: Mapping[str, str] | None = None,
    timeout: dt.timedelta = LOCAL,
) -> str:
    """What `git ARGUMENTS` prints in the folder `at`. Raises GitError when it does not succeed."""
    code, output = attempt(*arguments, at=at, env=env, timeout=timeout)
    if code != 0:
        lines = [line for line in output.splitlines() if line.strip() and not line.startswith("hint:")]
        said = redact_secrets(" / ".join(lines[-3:]))[:_MOST_SHOWN] or f"exit code {code}"
        raise GitError(f"git {arguments[0]}: {said}", output)
    return output


def attempt(
    *arguments: str,
    at: Path,
    env: Mapping[str, str] | None = None,
    timeout: dt.timedelta = LOCAL,
) -> tuple[int | None, str]:
    """The exit code of `git ARGUMENTS`, and what it printed. Raises GitError when there is no git."""
    variables = command_environment(os.environ, _PASSED, {**_QUIET, **(env or {})}).variables
    with tempfile.TemporaryFile() as printed:
        try:
            outcome = run_guarded(
                ["git", *_OPTIONS, *arguments],
                env=variables,
                cwd=at,
                timeout=timeout,
                stdout=printed.fileno(),
                stderr=printed.fileno(),
                label=f"git {arguments[0]}",
            )
        except SignalboxError as error:
            raise GitError(str(error)) from None
        printed.seek(0)
        return outcome.exit_code if outcome.succeeded else outcome.exit_code or 1, printed.read().decode(
            "utf-8", "replace"
        )


def holds(*arguments: str, at: Path) -> bool:
    """Whether a git command that only asks says yes."""
    return attempt(*arguments, at=at)[0] == 0


def commit_of(name: str, at: Path) -> str | None:
    """The commit that a name stands for; None when there is none."""
    code, output = attempt(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", at=at
    )
    return output.strip() if code == 0 else None

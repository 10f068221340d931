"""One landing: the work is put onto the newest base, checked there, and becomes the base, or goes back.

Nothing here is done by a model. The base changes in one step (git's own compare-and-set on the branch), so
whatever is killed and whenever, it is as before or as after; which of the two is found out from the commit
that was noted before that step.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler_defs.agents.landing.landings import Landing
from scheduler_defs.agents.workspaces.git import GitError, attempt, commit_of, git, holds
from scheduler_defs.agents.workspaces.mirror import Mirror
from scheduler_defs.agents.workspaces.worktree import identity
from scheduler_defs.declarations.models.agents import Accept
from scheduler_defs.declarations.models.declared import Agent

FOLDER = "landing"


@dataclass(frozen=True, slots=True)
class Checks:
    """The commands of setup and acceptance as they were declared when the work was accepted."""

    setup: tuple[tuple[str, ...], ...]
    setup_seconds: float
    accept: tuple[tuple[str, ...], ...]
    accept_seconds: float
    env: tuple[str, ...]
    cwd: str

    @classmethod
    def of(cls, agent: Agent, accept: Accept | None) -> Checks:
        """Those of an agent's work."""
        workspace = agent.workspace
        return cls(
            workspace.setup if workspace else (),
            workspace.setup_timeout.total_seconds() if workspace else 0.0,
            accept.commands if accept else (),
            accept.timeout.total_seconds() if accept else 0.0,
            agent.env,
            agent.cwd or "",
        )

    def document(self) -> dict[str, Any]:
        """To be kept with the landing."""
        return {
            "setup": self.setup,
            "setup_seconds": self.setup_seconds,
            "accept": self.accept,
            "accept_seconds": self.accept_seconds,
            "env": self.env,
            "cwd": self.cwd,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Checks:
        """What was kept."""
        return cls(
            tuple(map(tuple, document["setup"])),
            document["setup_seconds"],
            tuple(map(tuple, document["accept"])),
            document["accept_seconds"],
            tuple(document["env"]),
            document["cwd"],
        )


class RefusedError(Exception):
    """The work does not go onto the base as it is now; the message is for its agent."""


RunCommands = Callable[[Sequence[Sequence[str]], Path, dt.timedelta, str], str | None]
"""(commands, folder, time for each, why) -> what failed, or None."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The worktree in which a repository's landings are tried out, one after the other."""

    mirror: Mirror

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.mirror.folder / FOLDER

    def put_together(self, landing: Landing, base: str) -> str:
        """The commit that would be the base. Raises RefusedError with the conflict, and GitError."""
        if not holds("cat-file", "-e", f"{landing.head}^{{commit}}", at=self.mirror.path):
            raise RefusedError(
                f"commit {landing.head[:12]} of {landing.branch} is not in {landing.repository}"
            )
        if landing.way == "rebase":
            self._at(landing.head)
            code, output = attempt("rebase", "--quiet", base, at=self.path, env=identity(""))
        else:
            self._at(base)
            message = f"Merge {landing.branch}: {landing.title}"
            code, output = attempt(
                "merge", "--quiet", "--no-ff", "-m", message, landing.head, at=self.path, env=identity("")
            )
        if code != 0:
            files = git("diff", "--name-only", "--diff-filter=U", at=self.path).splitlines()
            attempt(landing.way, "--abort", at=self.path)
            if not files:
                raise GitError(f"git {landing.way}: {output.strip()[-300:]}")
            raise RefusedError(
                f"conflicts with {landing.base} at {base[:12]} in {', '.join(files[:20])}"
                + (f" and {len(files) - 20} more" if len(files) > 20 else "")
            )
        return git("rev-parse", "HEAD", at=self.path).strip()

    def check(self, landing: Landing, run: RunCommands) -> None:
        """Run what accepted the work once more, on the result. Raises RefusedError."""
        checks = Checks.read(landing.checks)
        if not checks.accept:
            return
        limit = dt.timedelta(seconds=checks.setup_seconds)
        if (failed := run(checks.setup, self.path, limit, "setup")) is not None:
            raise RefusedError(f"its setup fails on top of {landing.base}: {failed}")
        limit = dt.timedelta(seconds=checks.accept_seconds)
        if (failed := run(checks.accept, self.path / checks.cwd, limit, "accept")) is not None:
            raise RefusedError(f"it is not accepted on top of {landing.base}: {failed}")

    def _at(self, commit: str) -> None:
        """The worktree with exactly this commit in it; what is ignored stays: the setup has made it."""
        if self.path.is_dir() and holds("rev-parse", "--verify", "HEAD", at=self.path):
            folder = Path(git("rev-parse", "--absolute-git-dir", at=self.path).strip())
            for name in ("index.lock", "HEAD.lock"):
                (folder / name).unlink(missing_ok=True)
            for name in ("rebase-merge", "rebase-apply"):
                shutil.rmtree(folder / name, ignore_errors=True)
            if (
                attempt("checkout", "--quiet", "--force", "--detach", commit, at=self.path)[0] == 0
                and attempt("clean", "--quiet", "--force", "-d", at=self.path)[0] == 0
            ):
                return
        shutil.rmtree(self.path, ignore_errors=True)
        git("worktree", "prune", at=self.mirror.path)
        git(
            *("worktree", "add", "--force", "--quiet", "--detach", str(self.path), commit),
            at=self.mirror.path,
        )


def is_there(landing: Landing, mirror: Mirror) -> str | None:
    """The commit by which the work is on the base already; None when it is not."""
    base = mirror.base(landing.base)
    for commit in (landing.result, landing.head):
        if commit is not None and commit_of(commit, mirror.path) and mirror.contains(commit, base):
            return commit
    return None

"""The mirror of a repository on this machine: fetched before it is used, shared by its tasks' worktrees."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.agents.workspaces.git import REMOTE, GitError, commit_of, git, holds
from scheduler_defs.private import make_private, open_private

_PLAIN = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A bare repository whose remote `origin` is the one that was declared.

    `folder` is of this repository alone: the mirror, the tasks' worktrees, and the one for landing.
    """

    repository: str
    folder: Path

    @property
    def path(self) -> Path:
        """The bare repository."""
        return self.folder / "mirror.git"

    def worktree(self, backend: str, task_id: int) -> Path:
        """Where a task's worktree is."""
        return self.folder / f"{backend}-{task_id}"

    def base(self, branch: str) -> str:
        """The newest known commit of a branch of the origin. Raises GitError when there is none."""
        found = commit_of(f"refs/remotes/origin/{branch}", self.path)
        if found is None:
            raise GitError(f"{self.repository} has no branch {branch!r}")
        return found

    def contains(self, commit: str, other: str) -> bool:
        """Whether `commit` is `other`, or came before it."""
        return holds("merge-base", "--is-ancestor", commit, other, at=self.path)

    def fetch(self) -> None:
        """Bring the mirror up to date, and make it first where it is not there. Raises GitError."""
        with self.locked():
            try:
                if not (self.path / "HEAD").exists():
                    self._make()
                git("fetch", "--quiet", "--prune", "--no-auto-gc", "origin", at=self.path, timeout=REMOTE)
            except GitError as error:
                raise GitError(f"{self.repository}: {error}", error.output) from None

    def push(self, commit: str, branch: str) -> None:
        """Let the origin's branch be this commit, if it still is what was fetched last.

        A branch that is checked out in the origin's own folder moves together with its files, if these are
        as they were committed. Raises GitError, and then nothing has changed.
        """
        ref = f"refs/heads/{branch}"
        expected = commit_of(f"refs/remotes/origin/{branch}", self.path) or ""
        receive = "--receive-pack=git -c receive.denyCurrentBranch=updateInstead receive-pack"
        local = [receive] if Path(self.repository).is_dir() else []
        lease = f"--force-with-lease={ref}:{expected}"
        git("push", "--quiet", *local, lease, "origin", f"{commit}:{ref}", at=self.path, timeout=REMOTE)
        git("update-ref", f"refs/remotes/origin/{branch}", commit, at=self.path)

    @contextmanager
    def locked(self, name: str = "mirror") -> Iterator[None]:
        """Nobody else on this machine is within such a block of the same name. Waits for it."""
        make_private(self.folder)
        descriptor = open_private(self.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _make(self) -> None:
        """Under another name first: a mirror that is there is a whole one."""
        half = self.folder / "mirror.new"
        shutil.rmtree(half, ignore_errors=True)
        git("init", "--quiet", "--bare", str(half), at=self.folder)
        git("remote", "add", "origin", self.repository, at=half)
        git("fetch", "--quiet", "origin", at=half, timeout=REMOTE)
        half.rename(self.path)


def mirror_of(repository: str, state: Path) -> Mirror:
    """The mirror of a repository below a state folder; nothing is made yet."""
    name = (
        _PLAIN.sub("-", Path(repository.rstrip("/")).name.removesuffix(".git"))[:40].strip("-.")
        or "repository"
    )
    digest = hashlib.sha256(repository.encode()).hexdigest()[:8]
    return Mirror(repository, state / "workspaces" / f"{name}-{digest}")

"""One task's worktree: made or found again, looked at, committed, bundled, removed."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.agents.workspaces.git import GitError, attempt, commit_of, git, holds
from scheduler_defs.agents.workspaces.mirror import Mirror


class NotMergedError(GitError):
    """What a task waits for does not go together."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much a branch changes, binary files as no lines."""

    files: int = 0
    added: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.files} file{'s' if self.files != 1 else ''} changed, +{self.added} -{self.removed}"


@dataclass(frozen=True, slots=True)
class Worktree:
    """A folder with the task's branch in it. `base` is the branch of the origin that it goes back to."""

    mirror: Mirror
    path: Path
    branch: str
    base: str

    @property
    def is_there(self) -> bool:
        """Whether it is a worktree of the mirror, and not half of one."""
        return (self.path / ".git").is_file() and holds("rev-parse", "--verify", "HEAD", at=self.path)

    def make(self, heads: Mapping[int, str]) -> None:
        """Make it anew: at the branch if there is one, else at the base with the work of some tasks.

        `heads`: the newest commits of the tasks that this one waited for, by their ids. Raises NotMergedError
        when they do not go together, and GitError.
        """
        mirror = self.mirror
        with mirror.locked():
            shutil.rmtree(self.path, ignore_errors=True)
            git("worktree", "prune", at=mirror.path)
            known = commit_of(f"refs/heads/{self.branch}", mirror.path)
            theirs = commit_of(f"refs/remotes/origin/{self.branch}", mirror.path)
            if known is None:
                start = theirs or mirror.base(self.base)
                git("branch", "--no-track", self.branch, start, at=mirror.path)
            git("worktree", "add", "--force", "--quiet", str(self.path), self.branch, at=mirror.path)
        if known is None and theirs is None:
            self._start_on(heads)

    def _start_on(self, heads: Mapping[int, str]) -> None:
        for task_id, head in sorted(heads.items()):
            if self.mirror.contains(head, commit_of("HEAD", self.path) or ""):
                continue
            message = f"Work of task {task_id}"
            code, output = attempt("merge", "--quiet", "-m", message, head, at=self.path, env=identity(""))
            if code != 0:
                files = self.conflicts()
                git("merge", "--abort", at=self.path)
                self.remove()
                git("branch", "-D", self.branch, at=self.mirror.path)
                what = f"conflicts in {', '.join(files)}" if files else output.strip()[-300:]
                raise NotMergedError(
                    f"the work of task {task_id} does not go together with {self.base} and the tasks before"
                    f" it: {what}"
                )

    def unlock(self) -> None:
        """Take away what a killed git has left, which would stop every other. Nobody may work in it."""
        folder = git("rev-parse", "--absolute-git-dir", at=self.path).strip()
        for name in ("index.lock", "HEAD.lock"):
            with contextlib.suppress(OSError):
                (Path(folder) / name).unlink()

    def conflicts(self) -> list[str]:
        """Files that a merge or a rebase could not put together."""
        return git("diff", "--name-only", "--diff-filter=U", at=self.path).splitlines()

    @property
    def is_dirty(self) -> bool:
        """Whether something in it is not committed; what is ignored does not count."""
        return bool(git("status", "--porcelain", at=self.path).strip())

    def commit(self, author: str, message: str) -> bool:
        """Commit what is not committed yet; whether there was anything."""
        if not self.is_dirty:
            return False
        git("add", "--all", at=self.path)
        git("commit", "--quiet", "--allow-empty", "-m", message, at=self.path, env=identity(author))
        return True

    def put_aside(self, name: str) -> None:
        """Back to the last commit. What was not committed is kept under `refs/signalbox/aside/`."""
        for command in ("rebase", "merge", "cherry-pick"):
            attempt(command, "--abort", at=self.path)
        if self.commit("signalbox", "Put aside"):
            git("update-ref", f"refs/signalbox/aside/{name}", "HEAD", at=self.path)
            git("reset", "--quiet", "--hard", "HEAD~1", at=self.path)

    def head(self) -> str:
        """The newest commit, on whichever branch the agent has left it; the task's branch is set to it."""
        found = git("rev-parse", "HEAD", at=self.path).strip()
        if commit_of(f"refs/heads/{self.branch}", self.path) != found:
            git("update-ref", f"refs/heads/{self.branch}", found, at=self.path)
        return found

    def begin(self) -> str:
        """Where the branch left the base."""
        return git("merge-base", f"refs/remotes/origin/{self.base}", "HEAD", at=self.path).strip()

    def size(self, since: str) -> Size:
        """How much has been changed since a commit."""
        return size_of(git("diff", "--numstat", since, "HEAD", at=self.path))

    def bundle(self, file: Path) -> bool:
        """Write the commits that the origin does not have into a file; whether there were any."""
        ref = f"refs/heads/{self.branch}"
        if not git(
            "rev-list", "--max-count=1", ref, "--not", "--remotes=origin", at=self.mirror.path
        ).strip():
            return False
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        git("bundle", "create", "--quiet", str(file), ref, "--not", "--remotes=origin", at=self.mirror.path)
        return True

    def remove(self) -> None:
        """Remove the folder; the branch stays in the mirror."""
        with self.mirror.locked():
            attempt("worktree", "remove", "--force", "--force", str(self.path), at=self.mirror.path)
            shutil.rmtree(self.path, ignore_errors=True)
            git("worktree", "prune", at=self.mirror.path)


def identity(author: str) -> dict[str, str]:
    """Whom git names in a commit; Signalbox itself when that is nobody."""
    name = author or "signalbox"
    mail = f"{name}@signalbox.invalid"
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": mail,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": mail,
    }


def size_of(numstat: str) -> Size:
    """From what `git diff --numstat` prints."""
    rows: Sequence[list[str]] = [line.split("\t") for line in numstat.splitlines() if line.count("\t") >= 2]

    def total(column: int) -> int:
        return sum(int(row[column]) for row in rows if row[column].isdecimal())

    return Size(len(rows), total(0), total(1))

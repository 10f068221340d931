"""A repository for tests: made, committed to by hand, and looked at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PEOPLE = {
    "GIT_AUTHOR_NAME": "ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


class Repository:
    """A folder with a branch `main`, which is checked out; or, bare, with none."""

    def __init__(self, path: Path, *, bare: bool = False) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []))
        if not bare:
            self.commit("README", "hello\n")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env={**os.environ, **PEOPLE}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def commit(self, name: str, text: str, message: str = "by hand") -> str:
        (self.path / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def files(self, branch: str = "main") -> dict[str, str]:
        """Name -> content on a branch."""
        names = self.git("ls-tree", "-r", "--name-only", branch).splitlines()
        return {name: self.git("show", f"{branch}:{name}") for name in names}

    def subjects(self, branch: str = "main") -> list[str]:
        """What was committed on a branch, oldest first."""
        return self.git("log", "--reverse", "--format=%s", branch).splitlines()

    def branches(self) -> set[str]:
        return set(self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines())

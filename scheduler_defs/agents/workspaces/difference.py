"""What a task has changed: read from its worktree, or from the mirror when that is gone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler_defs.agents.workspaces import store
from scheduler_defs.agents.workspaces.git import git, holds
from scheduler_defs.agents.workspaces.mirror import mirror_of
from scheduler_defs.agents.workspaces.store import Kept
from scheduler_defs.errors import SignalboxError


@dataclass(frozen=True, slots=True)
class Difference:
    """From where the branch began to what it holds now; in a worktree, also what is not committed."""

    kept: Kept
    files: tuple[tuple[str, int | None, int | None], ...]
    """(path, lines added, lines removed), None for binary files."""
    text: str

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "task": self.kept.task_id,
            **self.kept.document(),
            "files": [{"path": path, "added": added, "removed": gone} for path, added, gone in self.files],
            "diff": self.text,
        }


def difference(kept: Kept, state: Path) -> Difference:
    """Raises SignalboxError where this machine does not have the work."""
    at, end = Path(kept.path), ()
    begin = kept.base_commit
    if kept.removed_at is not None or kept.host != store.here() or not at.is_dir():
        at, end = mirror_of(kept.repository, state).path, (kept.head or "",)
        if not kept.head or not at.is_dir() or not holds("cat-file", "-e", kept.head, at=at):
            where = f"; its commits are in {kept.bundle}" if kept.bundle else f"; it worked on {kept.host}"
            raise SignalboxError(f"task {kept.task_id}: this machine does not have its work{where}")
    if begin is None:
        begin = git("merge-base", f"refs/remotes/origin/{kept.base}", "HEAD", at=at).strip()
    with _index(at, own=not end) as index:
        options = ("--no-renames", *([] if end else ["--cached"]), begin, *end)
        rows = git("diff", "--numstat", "-z", *options, at=at, env=index).split("\0")
        text = git("diff", *options, at=at, env=index)
    return Difference(kept, tuple(_row(row) for row in rows if row.count("\t") == 2), text)


@contextmanager
def _index(at: Path, *, own: bool) -> Iterator[dict[str, str]]:
    """Variables for an index that holds the worktree as it is now. The agent's own is not touched."""
    if not own:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="signalbox-diff-") as folder:
        copy = Path(folder) / "index"
        theirs = Path(git("rev-parse", "--absolute-git-dir", at=at).strip()) / "index"
        if theirs.exists():
            shutil.copyfile(theirs, copy)
        variables = {"GIT_INDEX_FILE": str(copy)}
        git("add", "--all", at=at, env=variables)
        yield variables


def _row(row: str) -> tuple[str, int | None, int | None]:
    added, removed, path = row.split("\t")
    return path, int(added) if added.isdecimal() else None, int(removed) if removed.isdecimal() else None

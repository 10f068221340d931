"""Worktrees of ended tasks are removed when they have been kept long enough; nothing done is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.agents.workspaces import store
from scheduler_defs.agents.workspaces.git import GitError, git
from scheduler_defs.agents.workspaces.mirror import mirror_of
from scheduler_defs.agents.workspaces.store import Kept
from scheduler_defs.agents.workspaces.worktree import Worktree
from scheduler_defs.jobs.commands.artifacts.folders import run_folder
from scheduler_defs.settings import Settings

AT_ONCE = 20
"""So many at most in one go: whoever cleans up has other things to do."""

IsOver = Callable[[str, int], bool]
"""(backend, task id): whether nobody will go on with the task."""


def clean(engine: sa.Engine, is_over: IsOver, place: Settings) -> Iterator[str]:
    """Remove what has been kept long enough on this machine; a word about each. Raises nothing of git's."""
    with engine.connect() as connection:
        found = store.kept_long(connection, store.here(), AT_ONCE)
    for kept in found:
        mirror = mirror_of(kept.repository, place.state)
        path = Path(kept.path)
        if path.parent != mirror.folder or not is_over(kept.backend, kept.task_id):
            continue
        try:
            with mirror.locked(path.name):
                bundle = _remove(Worktree(mirror, path, kept.branch, kept.base), kept, place)
        except (GitError, OSError) as error:
            yield f"the worktree of task {kept.task_id} is kept: {error}"
            continue
        with engine.begin() as connection:
            store.note_removed(connection, kept.place, bundle)
        yield f"the worktree of task {kept.task_id} is removed" + (
            f"; its work is in {bundle}" if bundle else ""
        )


def _remove(tree: Worktree, kept: Kept, place: Settings) -> str | None:
    """Remove worktree and branch. What the origin does not have is bundled first; the file's path."""
    bundle: Path | None = None
    if tree.is_there:
        tree.unlock()
        tree.commit("signalbox", f"Left uncommitted by task {kept.task_id}")
        tree.head()
        if (tree.mirror.path / "HEAD").exists():
            folder = run_folder(place.artifacts, kept.run_id or f"task-{kept.task_id}")
            file = folder / f"task-{kept.task_id}.bundle"
            bundle = file if tree.bundle(file) else None
    tree.remove()
    git("branch", "--quiet", "-D", kept.branch, at=tree.mirror.path)
    return None if bundle is None else str(bundle)

"""Where an agent works on a task: its worktree, made ready at the claim, and what it has left there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.agents.workspaces import store
from scheduler_defs.agents.workspaces.git import GitError, git, holds
from scheduler_defs.agents.workspaces.mirror import mirror_of
from scheduler_defs.agents.workspaces.store import FIRST_PORT, PORTS, Place
from scheduler_defs.agents.workspaces.worktree import Size, Worktree, identity
from scheduler_defs.declarations.models.agents import Workspace
from scheduler_defs.private import make_private
from scheduler_defs.settings import settings

DIFF = "changes.diff"
COMMITS = "commits.txt"


@dataclass(frozen=True, slots=True)
class Left:
    """What the task's branch holds after a turn."""

    begin: str
    head: str
    size: Size

    def __str__(self) -> str:
        return f"{self.size} since {self.begin[:12]}"


@dataclass(frozen=True, slots=True)
class Desk:
    """A worktree that this process has to itself."""

    engine: sa.Engine
    tree: Worktree
    place: Place
    number: int
    setup: str | None
    """The digest of the commands by which it was prepared; None: by none yet."""

    def variables(self, agent: str) -> dict[str, str]:
        """For the commands that run in it."""
        cache = make_private(self.tree.mirror.folder / "cache")
        return {
            "SIGNALBOX_WORKSPACE": str(self.tree.path),
            "SIGNALBOX_BRANCH": self.tree.branch,
            "SIGNALBOX_BASE": f"origin/{self.tree.base}",
            "SIGNALBOX_CACHE": str(cache),
            "SIGNALBOX_PORT": str(FIRST_PORT + PORTS * self.number),
            **identity(agent),
        }

    def values(self) -> dict[str, str]:
        """For placeholders and the task's file."""
        return {
            "path": str(self.tree.path),
            "repository": self.tree.mirror.repository,
            "branch": self.tree.branch,
            "base": self.tree.base,
        }

    def prepare(self, wanted: Workspace, run: Callable[[], None]) -> None:
        """Call `run`, which carries out its setup, unless that was done already."""
        digest = hashlib.sha256(json.dumps(wanted.setup).encode()).hexdigest()
        if not wanted.setup or self.setup == digest:
            return
        run()
        with self.engine.begin() as connection:
            store.note_setup(connection, self.place, digest)

    def leave(self, agent: str, title: str, *, commit: bool) -> Left:
        """What has been done so far, noted. `commit`: what is not committed yet is, in the agent's name."""
        if commit:
            self.tree.commit(agent, f"{title}\n\nTask: {self.place.task_id}")
        begin, head = self.tree.begin(), self.tree.head()
        left = Left(begin, head, self.tree.size(begin))
        with self.engine.begin() as connection:
            store.note_work(connection, self.place, begin=begin, head=head, size=left.size)
        return left

    def accept(self, left: Left, *, push: bool) -> None:
        """The work counts: others may begin with it. Raises GitError when it cannot be pushed."""
        if push and left.head != left.begin:
            self.tree.mirror.fetch()
            self.tree.mirror.push(left.head, self.tree.branch)
        with self.engine.begin() as connection:
            store.note_work(
                connection,
                self.place,
                begin=left.begin,
                head=left.head,
                size=left.size,
                accepted=True,
                pushed=push,
            )

    def keep(self, left: Left, folder: Path) -> None:
        """Keep the difference and the commits among the artifacts of a run."""
        make_private(folder)
        at = self.tree.path
        (folder / DIFF).write_text(git("diff", left.begin, left.head, at=at), encoding="utf-8")
        log = git("log", "--stat", f"{left.begin}..{left.head}", at=at)
        (folder / COMMITS).write_text(log, encoding="utf-8")


@contextmanager
def open_desk(
    engine: sa.Engine,
    wanted: Workspace,
    *,
    backend: str,
    task_id: int,
    branch: str,
    run_id: str,
    blockers: Callable[[], list[int]],
) -> Iterator[Desk]:
    """The task's worktree, for this process alone until the end of the block.

    `blockers`: all the tasks that it waited for; asked for when it is made. Raises GitError,
    NotMergedError.
    """
    mirror = mirror_of(wanted.repository, settings().state)
    make_private(mirror.folder)
    if not holds("check-ref-format", "--branch", branch, at=mirror.folder):
        raise GitError(f"branch {branch!r}: git has no such names")
    path = mirror.worktree(backend, task_id)
    tree = Worktree(mirror, path, branch, wanted.base)
    place = Place(backend, task_id, store.here(), str(path))
    mirror.fetch()
    with mirror.locked(path.name):
        with engine.begin() as connection:
            number, setup = store.claim(connection, place, tree, keep=wanted.keep, run_id=run_id)
        if tree.is_there:
            tree.unlock()
            if wanted.between == "reset":
                tree.put_aside(f"{backend}-{task_id}/{run_id}")
        else:
            setup = None
            tree.make(_heads(engine, place, wanted.repository, blockers()))
        yield Desk(engine, tree, place, number, setup)


def _heads(engine: sa.Engine, place: Place, repository: str, blockers: list[int]) -> Mapping[int, str]:
    with engine.connect() as connection:
        found = store.heads(connection, place.backend, blockers, repository) if blockers else []
    mirror = mirror_of(repository, settings().state)
    missing = [
        each for each in found if not holds("cat-file", "-e", f"{each.head}^{{commit}}", at=mirror.path)
    ]
    if missing:
        where = ", ".join(f"that of task {each.task_id} on {each.host}" for each in missing)
        raise GitError(f"work that the task begins with is not here, and was not pushed: {where}")
    return {each.task_id: each.head for each in found}

"""Worktrees as our tables know them: which task has which, and what its branch holds."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.workspaces.worktree import Size, Worktree
from scheduler_defs.database.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")

FIRST_PORT = 42_000
PORTS = 2
"""Ports of its own that each worktree's task has: ten thousand worktrees fit on a machine."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row's key: a task's worktree on one machine."""

    backend: str
    task_id: int
    host: str
    path: str

    def values(self) -> dict[str, Any]:
        """As parameters."""
        return {"backend": self.backend, "task_id": self.task_id, "host": self.host, "path": self.path}


@dataclass(frozen=True, slots=True)
class Kept:
    """One row."""

    backend: str
    task_id: int
    host: str
    path: str
    slot: int
    repository: str
    base: str
    base_commit: str | None
    branch: str
    head: str | None
    files: int | None
    added: int | None
    removed: int | None
    accepted_at: dt.datetime | None
    pushed_at: dt.datetime | None
    keep_seconds: float
    run_id: str | None
    used_at: dt.datetime
    removed_at: dt.datetime | None
    bundle: str | None

    @property
    def place(self) -> Place:
        """Its key."""
        return Place(self.backend, self.task_id, self.host, self.path)

    def document(self) -> dict[str, Any]:
        """For people and programs."""
        return {
            "repository": self.repository,
            "base": self.base,
            "base_commit": self.base_commit,
            "branch": self.branch,
            "head": self.head,
            "diffstat": None
            if self.files is None
            else str(Size(self.files, self.added or 0, self.removed or 0)),
            "accepted": self.accepted_at,
            "host": self.host,
            "path": None if self.removed_at else self.path,
            "bundle": self.bundle,
        }


def here() -> str:
    """This machine's name."""
    return platform.node()


def claim(
    connection: sa.Connection, place: Place, tree: Worktree, *, keep: dt.timedelta, run_id: str
) -> tuple[int, str | None]:
    """(number, digest of its setup): the task's row, whose worktree and number nobody else has."""
    connection.execute(statement("lock_host"), {"host": place.host})
    values = {
        **place.values(),
        "repository": tree.mirror.repository,
        "base": tree.base,
        "branch": tree.branch,
        "keep_seconds": keep.total_seconds(),
        "run_id": run_id,
    }
    row = connection.execute(statement("claim_workspace"), values).one()
    return row.slot, row.setup


def note_setup(connection: sa.Connection, place: Place, digest: str) -> None:
    """Its setup has succeeded."""
    connection.execute(statement("note_setup"), {**place.values(), "setup": digest})


def note_work(
    connection: sa.Connection,
    place: Place,
    *,
    begin: str,
    head: str,
    size: Size,
    accepted: bool = False,
    pushed: bool = False,
) -> None:
    """What its branch holds now."""
    values = {
        **place.values(),
        "base_commit": begin,
        "head": head,
        "files": size.files,
        "added": size.added,
        "removed": size.removed,
        "accepted": accepted,
        "pushed": pushed,
    }
    connection.execute(statement("note_work"), values)


def note_removed(connection: sa.Connection, place: Place, bundle: str | None) -> None:
    """Its folder is gone; `bundle` holds what had not been pushed."""
    connection.execute(statement("note_removed"), {**place.values(), "bundle": bundle})


def of_task(connection: sa.Connection, backend: str, task_id: int) -> list[Kept]:
    """A task's worktrees, the last used first."""
    rows = connection.execute(statement("of_task"), {"backend": backend, "task_id": task_id})
    return [_of(row) for row in rows]


def kept_long(connection: sa.Connection, host: str, limit: int) -> list[Kept]:
    """Worktrees of a host that have been kept for as long as they are to be."""
    return [_of(row) for row in connection.execute(statement("kept_long"), {"host": host, "limit": limit})]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest commit of a task's work, and where it is."""

    task_id: int
    head: str
    branch: str
    host: str
    pushed: bool


def heads(connection: sa.Connection, backend: str, task_ids: Sequence[int], repository: str) -> list[Head]:
    """What some tasks have done in a repository."""
    values = {"backend": backend, "task_ids": list(task_ids), "repository": repository}
    return [Head(**row._mapping) for row in connection.execute(statement("accepted_heads"), values)]


def _of(row: sa.Row[Any]) -> Kept:
    return Kept(**row._mapping)

"""Landings as our tables know them: what waits to go onto its base, in which order, and what became of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")

ASK_AGAIN = dt.timedelta(seconds=60)
"""When nobody lands what waits, a run is asked for once more after this time."""


class LandingEnding(StrEnum):
    """What became of a landing."""

    LANDED = "landed"
    REFUSED = "refused"
    """It does not go onto the base as that is now: the task went back."""
    WITHDRAWN = "withdrawn"
    """The task was taken back meanwhile."""


@dataclass(frozen=True, slots=True)
class NewLanding:
    """Accepted work that is to land. `checks`: see `carrying_out.Checks`."""

    title: str
    repository: str
    base: str
    branch: str
    head: str
    way: str
    checks: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Landing:
    """One row. `result` is the commit that was about to become the base, `detail` a word about it."""

    id: int
    backend: str
    task_id: int
    title: str
    queue: str
    agent: str
    run_id: str
    attempt: int
    max_attempts: int
    repository: str
    base: str
    branch: str
    head: str
    way: str
    checks: Mapping[str, Any]
    result: str | None
    detail: str | None
    created_at: dt.datetime
    ended_at: dt.datetime | None
    ending: str | None

    @property
    def said(self) -> str:
        """Why it was refused, for the agent that goes on."""
        return (
            f"The work did not land on {self.base}: {self.detail}\nBring the branch {self.branch} up to date"
            f" with origin/{self.base} and finish the task."
        )

    def document(self) -> dict[str, Any]:
        """For people and programs."""
        state = self.ending or "waiting"
        return {
            "state": state,
            "base": self.base,
            "branch": self.branch,
            "commit": self.result if state == LandingEnding.LANDED else None,
            "detail": self.detail,
            "since": self.created_at,
            "ended": self.ended_at,
        }


def add(
    connection: sa.Connection,
    new: NewLanding,
    *,
    backend: str,
    task_id: int,
    queue: str,
    agent: str,
    run_id: str,
    attempt: int,
    max_attempts: int,
) -> None:
    """Let the work of a run wait for its turn. Adding it twice changes nothing."""
    values = {
        "backend": backend,
        "task_id": task_id,
        "queue": queue,
        "agent": agent,
        "run_id": run_id,
        "attempt": attempt,
        "max_attempts": max_attempts,
        "title": new.title,
        "repository": new.repository,
        "base": new.base,
        "branch": new.branch,
        "head": new.head,
        "way": new.way,
        "checks": json.dumps(new.checks),
    }
    connection.execute(statement("add"), values)


def next_of(connection: sa.Connection, repository: str) -> Landing | None:
    """The oldest that waits in a repository."""
    row = connection.execute(statement("next"), {"repository": repository}).one_or_none()
    return None if row is None else _of(row)


def of_task(connection: sa.Connection, backend: str, task_id: int) -> list[Landing]:
    """All of a task, oldest first."""
    rows = connection.execute(statement("of_task"), {"backend": backend, "task_id": task_id})
    return [_of(row) for row in rows]


def refusals(connection: sa.Connection, backend: str, task_id: int) -> list[Landing]:
    """Those of a task that were refused, oldest first."""
    return [each for each in of_task(connection, backend, task_id) if each.ending == LandingEnding.REFUSED]


def open_tasks(connection: sa.Connection, backend: str) -> set[int]:
    """Tasks whose work waits to land: they are worked on by no agent, and still held by their last run."""
    return set(connection.execute(statement("open_tasks"), {"backend": backend}).scalars())


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repository in which somebody should land what waits. `key` names the request."""

    repository: str
    key: str


def ask(connection: sa.Connection, now: dt.datetime) -> list[Wanted]:
    """Repositories in which something waits and nobody lands; each is answered once in a while only."""
    found: list[Wanted] = []
    for row in connection.execute(statement("waiting")).all():
        if row.asked_at is not None and now - row.asked_at < ASK_AGAIN:
            continue
        if not connection.execute(statement("is_free"), {"repository": row.repository}).scalar_one():
            continue
        values = {"id": row.id, "asked": row.asked, "now": now}
        if connection.execute(statement("note_asked"), values).rowcount:
            found.append(Wanted(row.repository, f"landing:{row.id}:{row.asked + 1}"))
    return found


def lock(connection: sa.Connection, repository: str) -> bool:
    """Be the only one who lands in a repository, until the connection is closed."""
    return connection.execute(statement("try_lock"), {"repository": repository}).scalar_one()


def note_result(connection: sa.Connection, landing: Landing, result: str) -> None:
    """The base is about to become this commit."""
    connection.execute(statement("note_result"), {"id": landing.id, "result": result})


def note_detail(connection: sa.Connection, landing: Landing, detail: str) -> None:
    """Why it still waits."""
    connection.execute(statement("note_detail"), {"id": landing.id, "detail": detail})


def end(connection: sa.Connection, landing: Landing, ending: LandingEnding, detail: str) -> None:
    """It has landed, or does not."""
    connection.execute(statement("end"), {"id": landing.id, "ending": ending.value, "detail": detail})


def note_landed(connection: sa.Connection, landing: Landing, result: str) -> None:
    """Whoever begins with the task's work begins with this commit."""
    values = {
        "backend": landing.backend,
        "task_id": landing.task_id,
        "repository": landing.repository,
        "result": result,
    }
    connection.execute(statement("note_landed"), values)


def _of(row: sa.Row[Any]) -> Landing:
    return Landing(**row._mapping)

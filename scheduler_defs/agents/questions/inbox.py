"""The inbox: what waits for a person, in Postgres, whichever task queue holds the task."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")

QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Question:
    """One entry. `details` are for programs: the session in which it was asked, the run."""

    id: int
    kind: str
    subject: str
    body: str
    details: Mapping[str, Any]
    asked_by: str
    asked_at: dt.datetime
    answer: str | None
    answered_by: str | None
    answered_at: dt.datetime | None
    closed_at: dt.datetime | None


def task_subject(backend: str, task_id: int) -> str:
    """What an entry about a task is about; the tasks of the own tables need no backend in their name."""
    return f"task:{task_id}" if backend == "postgres" else f"task:{backend}:{task_id}"


def ask(
    connection: sa.Connection,
    subject: str,
    body: str,
    *,
    key: str,
    asked_by: str,
    details: Mapping[str, Any],
) -> None:
    """Put a question into the inbox. The same key again is the same question."""
    values = {
        "kind": QUESTION,
        "subject": subject,
        "key": key,
        "body": body,
        "details": json.dumps(details),
        "asked_by": asked_by,
    }
    connection.execute(statement("ask"), values)


def open_entries(connection: sa.Connection) -> list[Question]:
    """All that nobody has answered, oldest first."""
    return [_of(row) for row in connection.execute(statement("open_questions"))]


def of_subject(connection: sa.Connection, subject: str) -> list[Question]:
    """All about one thing, oldest first, answered ones too."""
    return [_of(row) for row in connection.execute(statement("of_subject"), {"subject": subject})]


def answer(connection: sa.Connection, entry: int, text: str, *, by: str) -> bool:
    """Answer an open entry; False when somebody was faster."""
    values = {"id": entry, "answer": text, "by": by}
    return connection.execute(statement("answer"), values).rowcount == 1


def _of(row: sa.Row[Any]) -> Question:
    return Question(**row._mapping)

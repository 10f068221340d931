"""Entries into the audit and out of it: the only code that touches its tables, beside the sealer."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.audit.entries import MANY_DEEDS, Acting, Entry, RecordedEntry, acting, facts, text
from scheduler_defs.database.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")


@dataclass(frozen=True, slots=True)
class Query:
    """Which entries are wanted. `action` also stands for all that begin with it and a dot."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    before_id: int | None = None
    most: int = 100


def record(connection: sa.Connection, *entries: Entry) -> None:
    """Add entries, in the caller's transaction. The same request, deed and subject again adds nothing."""
    rows = [_row(entry) for entry in entries]
    if rows:
        connection.execute(statement("add"), rows if len(rows) > 1 else rows[0])


def read(connection: sa.Connection, query: Query) -> list[RecordedEntry]:
    """Entries, newest first, sealed or not."""
    values = {name: getattr(query, name) for name in Query.__slots__}
    return [RecordedEntry(*row) for row in connection.execute(statement("read"), values)]


def one(connection: sa.Connection, sequence: int) -> RecordedEntry | None:
    """The sealed entry with this sequence."""
    row = connection.execute(statement("one"), {"sequence": sequence}).first()
    return None if row is None else RecordedEntry(*row)


def waiting(connection: sa.Connection) -> tuple[int, dt.datetime | None]:
    """How many entries are not sealed yet, and since when the oldest of them waits."""
    row = connection.execute(statement("waiting")).one()
    return row.entries, row.since


def _row(entry: Entry) -> dict[str, object]:
    who = entry.acting or acting()
    return {
        "actor": text(who.actor) or "unknown",
        "channel": who.channel.value,
        "action": str(entry.action),
        "subject": text(entry.subject) or "",
        "reason": text(entry.reason or who.reason),
        "request_id": _request(who),
        "run_id": entry.run_id,
        "before": facts(entry.before),
        "after": facts(entry.after),
    }


def _request(who: Acting) -> str | None:
    if who.request_id is None or who.channel not in MANY_DEEDS:
        return who.request_id
    return f"{who.request_id}/{uuid.uuid4().hex[:8]}"


def as_rows(found: Sequence[RecordedEntry]) -> list[dict[str, object]]:
    """Entries as the command's JSON and REST show them."""
    return [
        {name: getattr(entry, name) for name in RecordedEntry.__slots__ if name != "id"} for entry in found
    ]

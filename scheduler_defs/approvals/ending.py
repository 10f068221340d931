"""What time does: approvals that are over, and those whose run is not there any more."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.approvals.reading import sql
from scheduler_defs.audit.entries import SYSTEM, Action, Entry
from scheduler_defs.audit.store import record


@dataclass(frozen=True, slots=True)
class Refused:
    """An approval that was denied or ran out: its run is to be ended. `status` None: it was deleted."""

    id: int
    run_id: str
    status: str | None
    why: str


def look(connection: sa.Connection) -> list[Refused]:
    """Close what is over, by the database's clock, and say which runs are to be ended. Repeat it at will."""
    for row in connection.execute(sql("expire")).all():
        after = {"approval": row.source, "state": row.state, "expired": row.expires}
        subject = f"run:{row.run_id}"
        before = {"state": "pending"}
        record(connection, Entry(Action.APPROVAL_DECIDED, subject, before, after, row.run_id, acting=SYSTEM))
    connection.execute(sql("withdraw"))
    return [Refused(row.id, row.run_id, row.status, _why(row)) for row in connection.execute(sql("refused"))]


def settle(connection: sa.Connection, approval: int) -> None:
    """Its run has ended."""
    connection.execute(sql("settle"), {"id": approval})


def _why(row: sa.Row) -> str:
    if row.state == "denied":
        return f"denied by {row.objector or 'somebody'}: {row.reason}"
    return f"nobody approved it by {row.expires.astimezone().isoformat(timespec='seconds')} ({row.source})"

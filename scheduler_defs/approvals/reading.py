"""Approvals as the command's JSON, REST and MCP show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql

sql = NamedSql(Path(__file__).parent)

MOST_SHOWN = 200


def waiting(connection: sa.Connection) -> list[dict[str, Any]]:
    """All that people are to decide on, oldest first.

    `{id, kind, subject, requested_by, requested, expires, needs, given}`, and beside them what is to be run,
    who may decide, who has agreed, and what happens when the time is over.
    """
    return [shown(row) for row in connection.execute(sql("open"))]


def one(connection: sa.Connection, approval: int) -> dict[str, Any] | None:
    """One, decided or not; None where there is none."""
    row = connection.execute(sql("one"), {"id": approval}).first()
    return shown(row) if row else None


def newest(connection: sa.Connection) -> list[dict[str, Any]]:
    """The newest, decided ones included."""
    return [shown(row) for row in connection.execute(sql("newest"), {"most": MOST_SHOWN})]


def of_run(connection: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    """Those of one run, decided ones included."""
    return [shown(row) for row in connection.execute(sql("of_run"), {"run_id": run_id})]


def shown(row: sa.Row[Any]) -> dict[str, Any]:
    """One, for programs and people."""
    kind, _, name = row.source.partition(":")
    policy = row.policy
    return {
        "id": row.id,
        "kind": kind,
        "name": name,
        "subject": f"run:{row.run_id}",
        "run_id": row.run_id,
        **{key: row.about.get(key) for key in ("job", "schedule", "queue")},
        "requested_by": row.requested_by,
        "requested": row.requested,
        "expires": row.expires,
        "otherwise": policy["otherwise"] if row.expires else None,
        "needs": row.needs,
        "given": len(row.agreed),
        "approvers": list(row.agreed),
        "who": [*policy["who"], *(f"role {role}" for role in policy["roles"])],
        "not_requester": policy["not_requester"],
        "state": row.state,
        "decided": row.decided,
        "reason": row.reason,
    }

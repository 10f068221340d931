"""A person agrees, or objects. One row changes, for whoever locks it first; a person counts once."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from scheduler_defs.access.table import TABLE, Action, NotAllowed, Principal, Subject, covers
from scheduler_defs.approvals.reading import shown, sql
from scheduler_defs.approvals.wording import whom
from scheduler_defs.audit import entries
from scheduler_defs.audit.store import record
from scheduler_defs.declarations.models.access import Role
from scheduler_defs.errors import NotThereError, SignalboxError

_LONGEST_REASON = 500
_TOKEN = "token:"  # noqa: S105 - what names of principals begin with


class UnknownApproval(NotThereError):
    """There is no such approval."""


class AlreadyDecided(SignalboxError):
    """It is decided, or its time is over, or its run has ended."""


Also = Callable[[sa.Connection], None]
"""What is done in the transaction of a decision; what it raises undoes both."""


def approve(
    engine: sa.Engine, approval: int, who: Principal, *, also: Also | None = None, dry_run: bool = False
) -> dict[str, Any]:
    """Agree; the run goes on when enough have. Agreeing twice is agreeing once.

    Returns the approval as it is then; with `dry_run` all of it is undone. Raises UnknownApproval,
    AlreadyDecided, NotAllowed.
    """
    return _decide(engine, approval, who, agrees=True, reason=None, also=also, dry_run=dry_run)


def deny(
    engine: sa.Engine,
    approval: int,
    who: Principal,
    reason: str,
    *,
    also: Also | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Object: the run ends, canceled, with the reason, and must have one. Raises as `approve`."""
    said = reason.strip()[:_LONGEST_REASON]
    if not said:
        raise SignalboxError("a denial needs a reason: whoever asked for the run is told it")
    return _decide(engine, approval, who, agrees=False, reason=said, also=also, dry_run=dry_run)


def _decide(
    engine: sa.Engine,
    approval: int,
    who: Principal,
    *,
    agrees: bool,
    reason: str | None,
    also: Also | None,
    dry_run: bool,
) -> dict[str, Any]:
    with engine.connect() as connection, connection.begin() as transaction:
        if also is not None:
            also(connection)
        row = connection.execute(sql("lock"), {"id": approval}).first()
        if row is None:
            raise UnknownApproval(f"there is no approval {approval}; see `signalbox approvals list`")
        person = _person(connection, who.name)
        _check_right(connection, row, who, person)
        if agrees and person in row.agreed and row.state in ("pending", "approved"):
            return shown(row)
        _check_open(row)
        connection.execute(sql("vote"), {"id": approval, "person": person, "agrees": agrees})
        state = "approved" if agrees else "denied"
        decided = connection.execute(
            sql("decide"), {"id": approval, "state": state, "reason": reason}
        ).first()
        after = {"approval": row.source, "agrees": agrees, "state": decided.state if decided else "pending"}
        record(
            connection,
            entries.Entry(
                entries.Action.APPROVAL_DECIDED,
                f"run:{row.run_id}",
                before={"state": row.state, "agreed": list(row.agreed), "needs": row.needs},
                after=after,
                run_id=row.run_id,
                acting=_acting(who),
                reason=reason,
            ),
        )
        found = shown(connection.execute(sql("lock"), {"id": approval}).one())
        if dry_run:
            transaction.rollback()
        return found


def _acting(who: Principal) -> entries.Acting:
    """Through which door is known there; who decides is known here."""
    now = entries.acting()
    return entries.Acting(who.name, now.channel, now.request_id)


def _check_right(connection: sa.Connection, row: sa.Row[Any], who: Principal, person: str) -> None:
    subject = Subject(**{key: row.about.get(key) for key in ("schedule", "job", "queue", "owner")})
    who.require(Action.APPROVE, subject)
    policy = row.policy
    if not _is_named(who, person, subject, policy):
        raise NotAllowed(f"approval {row.id} is for {whom(shown(row))}; you are {who.name}")
    if policy["not_requester"] and person == _person(connection, row.requested_by):
        raise NotAllowed(
            f"approval {row.id}: {row.requested_by} asked for the run, and somebody else must agree"
        )


def _is_named(who: Principal, person: str, subject: Subject, policy: dict[str, Any]) -> bool:
    if not policy["who"] and not policy["roles"]:
        return True
    held = {
        grant.role for grant in who.grants if Action.APPROVE in TABLE[grant.role] and covers(grant, subject)
    }
    named = any(fnmatch.fnmatchcase(name, glob) for glob in policy["who"] for name in (who.name, person))
    return named or any(Role(role) in held for role in policy["roles"])


def _person(connection: sa.Connection, name: str) -> str:
    """Who it is: a token is whoever has made it, so that nobody agrees twice by two tokens of his."""
    seen = {name}
    while name.startswith(_TOKEN):
        maker = connection.execute(sql("token_made_by"), {"name": name.removeprefix(_TOKEN)}).scalar()
        if maker is None or maker in seen:
            break
        seen.add(name := maker)
    return name


def _check_open(row: sa.Row[Any]) -> None:
    if row.state != "pending":
        by = f" by {', '.join(row.agreed)}" if row.state == "approved" else ""
        why = f": {row.reason}" if row.reason else ""
        raise AlreadyDecided(f"approval {row.id} is {row.state}{by} already{why}")
    if row.over:
        raise AlreadyDecided(f"the time for approval {row.id} was over at {row.expires.isoformat()}")
    if row.status not in ("NOT_STARTED", "QUEUED"):
        gone = "was deleted" if row.status is None else f"is {row.status}"
        raise AlreadyDecided(f"approval {row.id}: its run {gone}")

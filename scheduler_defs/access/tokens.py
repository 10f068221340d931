"""API tokens: shown once, stored as a hash, with a role, an end, and when they were last used."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from typing import Any

import sqlalchemy as sa

from scheduler_defs.access.statements import digest, sql
from scheduler_defs.access.table import Principal
from scheduler_defs.audit.entries import Action, Entry
from scheduler_defs.audit.store import record
from scheduler_defs.declarations.models.access import AccessGrant, Role
from scheduler_defs.declarations.names import name_fault
from scheduler_defs.errors import SignalboxError

PREFIX = "sbx_"
"""What every token begins with, so that scanners of repositories find one that was committed."""


def create(
    engine: sa.Engine,
    name: str,
    role: Role,
    *,
    created_by: str,
    expires: dt.datetime | None = None,
    scope: dict[str, list[str]] | None = None,
) -> str:
    """A new token; the text is not kept. `scope`: globs by `schedules`, `jobs`, `queues`, `owners`.

    Raises SignalboxError for a name that is none, or is taken.
    """
    if fault := name_fault(name):
        raise SignalboxError(fault)
    secret = PREFIX + secrets.token_urlsafe(32)
    values = {
        "name": name,
        "digest": digest(secret),
        "role": role.value,
        "scope": json.dumps({kind: globs for kind, globs in (scope or {}).items() if globs}),
        "created_by": created_by,
        "expires": expires,
    }
    with engine.begin() as connection:
        if connection.execute(sql("add_token"), values).first() is None:
            raise SignalboxError(f"there is a token {name!r} already; revoke it, or choose another name")
        noted = {"role": role.value, "scope": scope or {}, "expires": expires}
        record(connection, Entry(Action.TOKEN_CREATED, f"token:{name}", after=noted))
    return secret


def find(engine: sa.Engine, secret: str) -> Principal | None:
    """Who comes with the token: `token:NAME`, within its role and scope. None where it is not, or no more."""
    if not secret.startswith(PREFIX):
        return None
    values = {"digest": digest(secret)}
    with engine.begin() as connection:
        row = connection.execute(sql("token"), values).first()
        if row is None:
            return None
        connection.execute(sql("token_used"), values)
    scope = {kind: tuple(globs) for kind, globs in row.scope.items()}
    name = f"token:{row.name}"
    return Principal(name, (AccessGrant(who=(name,), role=Role(row.role), **scope),))


def tokens(engine: sa.Engine) -> list[dict[str, Any]]:
    """`{name, role, scope, created_by, created, expires, last_used}` of each that was not revoked."""
    with engine.connect() as connection:
        return [
            {
                "name": row.name,
                "role": row.role,
                "scope": row.scope,
                "created_by": row.created_by,
                "created": row.created_at,
                "expires": row.expires,
                "last_used": row.last_used,
            }
            for row in connection.execute(sql("tokens"))
        ]


def revoke(engine: sa.Engine, name: str) -> None:
    """From now on nobody comes in with it. Raises SignalboxError where there is none of the name."""
    with engine.begin() as connection:
        if connection.execute(sql("revoke_token"), {"name": name}).first() is None:
            raise SignalboxError(f"there is no token {name!r}")
        record(connection, Entry(Action.TOKEN_REVOKED, f"token:{name}"))

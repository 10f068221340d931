"""People with passwords, and their logins. A login is 256 random bits in a cookie; here is only its hash."""

from __future__ import annotations

import datetime as dt
import secrets
from functools import cache
from typing import Any

import sqlalchemy as sa

from scheduler_defs.access.statements import digest, sql
from scheduler_defs.audit.entries import Acting, Action, Channel, Entry
from scheduler_defs.audit.store import record
from scheduler_defs.errors import SignalboxError

FEWEST_CHARACTERS = 10
_MOST_CHARACTERS = 1_000
"""Hashing takes time with length."""


def add(engine: sa.Engine, name: str, password: str) -> None:
    """A new person. Raises SignalboxError for a name that is taken, or a password that is too short."""
    _check_name(name)
    with engine.begin() as connection:
        row = connection.execute(sql("add_person"), {"name": name, "password_hash": _hash(password)}).first()
        if row is not None:
            record(connection, Entry(Action.PERSON_ADDED, f"person:{name}"))
    if row is None:
        raise SignalboxError(
            f"there is a person {name!r} already; `signalbox people password {name}` sets it"
        )


def set_password(engine: sa.Engine, name: str, password: str) -> None:
    """Another password; every login of the person ends."""
    with engine.begin() as connection:
        values = {"name": name, "password_hash": _hash(password)}
        if connection.execute(sql("set_password"), values).first() is None:
            raise SignalboxError(f"there is no person {name!r}")
        connection.execute(sql("close_sessions_of"), {"person": name})
        record(connection, Entry(Action.PASSWORD_SET, f"person:{name}"))


def remove(engine: sa.Engine, name: str) -> None:
    """Forget the person, and end his logins."""
    with engine.begin() as connection:
        if connection.execute(sql("remove_person"), {"name": name}).first() is None:
            raise SignalboxError(f"there is no person {name!r}")
        record(connection, Entry(Action.PERSON_REMOVED, f"person:{name}"))


def end_logins(engine: sa.Engine, name: str) -> int:
    """End every login of the person, with a password or at a provider; how many there were."""
    with engine.begin() as connection:
        ended = [
            len(connection.execute(sql(statement), {"person": name}).all())
            for statement in ("close_sessions_of", "close_oidc_sessions_of")
        ]
        record(connection, Entry(Action.LOGGED_OUT, f"person:{name}", after={"logins": sum(ended)}))
    return sum(ended)


def people(engine: sa.Engine) -> list[dict[str, Any]]:
    """`{name, created, changed, last_login}` of each."""
    with engine.connect() as connection:
        return [
            {
                "name": row.name,
                "created": row.created_at,
                "changed": row.changed_at,
                "last_login": row.last_login,
            }
            for row in connection.execute(sql("people"))
        ]


def log_in(engine: sa.Engine, name: str, password: str, lasts: dt.timedelta) -> str | None:
    """A new login's secret, when the password is right. Takes as long for a name that there is not."""
    with engine.connect() as connection:
        row = connection.execute(sql("password_hash"), {"name": name}).first()
    fits = _hasher().verify(password[:_MOST_CHARACTERS], row.password_hash if row else _nobody())
    if row is None or not fits:
        with engine.begin() as connection:
            refused = Acting("unknown", Channel.UI)
            record(connection, Entry(Action.LOGIN_REFUSED, f"person:{name}", acting=refused))
        return None
    secret = secrets.token_urlsafe(32)
    with engine.begin() as connection:
        connection.execute(sql("forget_sessions"))
        values = {"digest": digest(secret), "person": name, "seconds": lasts.total_seconds()}
        connection.execute(sql("open_session"), values)
        connection.execute(sql("logged_in"), {"name": name})
        record(connection, Entry(Action.LOGGED_IN, f"person:{name}", acting=Acting(name, Channel.UI)))
    return secret


def whose(engine: sa.Engine, secret: str) -> str | None:
    """The person of a login that has not expired."""
    with engine.connect() as connection:
        return connection.execute(sql("session"), {"digest": digest(secret)}).scalar()


def log_out(engine: sa.Engine, secret: str) -> None:
    """End the login."""
    with engine.begin() as connection:
        connection.execute(sql("close_session"), {"digest": digest(secret)})


def _hash(password: str) -> str:
    if not FEWEST_CHARACTERS <= len(password) <= _MOST_CHARACTERS:
        raise SignalboxError(f"a password has {FEWEST_CHARACTERS} to {_MOST_CHARACTERS} characters")
    return _hasher().hash(password)


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


@cache
def _hasher() -> Any:
    from pwdlib import PasswordHash

    return PasswordHash.recommended()


def _check_name(name: str) -> None:
    if not name or len(name) > 200 or not name.isprintable() or name != name.strip() or ":" in name:
        raise SignalboxError(f"{name[:200]!r} is no name for a person: 1 to 200 printable characters, no ':'")

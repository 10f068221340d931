"""Logins of people whom a provider has named: a secret in a cookie, of which only the hash is here."""

from __future__ import annotations

import datetime as dt
import secrets

import sqlalchemy as sa

from scheduler_defs.access.oidc.claims import LoginFault, Person
from scheduler_defs.access.oidc.pending import LASTS_SECONDS, Pending
from scheduler_defs.access.statements import digest, sql
from scheduler_defs.audit.entries import Acting, Action, Channel, Entry
from scheduler_defs.audit.store import record


def log_in(engine: sa.Engine, pending: Pending, person: Person, issuer: str, lasts: dt.timedelta) -> str:
    """A new login's secret; once for each login that began. Raises LoginFault for the second time."""
    secret = secrets.token_urlsafe(32)
    values = {
        "digest": digest(secret),
        "login": digest(pending.state),
        "person": person.name,
        "groups": list(person.groups),
        "issuer": issuer,
        "subject": person.subject,
        "seconds": lasts.total_seconds(),
    }
    acting = Acting(person.name, Channel.UI)
    with engine.begin() as connection:
        connection.execute(sql("forget_oidc_sessions"), {"seconds": LASTS_SECONDS})
        if connection.execute(sql("open_oidc_session"), values).first() is None:
            raise LoginFault("this answer of the provider has been used already; log in again")
        noted = {"issuer": issuer, "groups": list(person.groups)}
        record(connection, Entry(Action.LOGGED_IN, f"person:{person.name}", after=noted, acting=acting))
    return secret


def refused(engine: sa.Engine, why: str) -> None:
    """Note that somebody came back from the provider and was not let in."""
    acting = Acting("unknown", Channel.UI)
    with engine.begin() as connection:
        record(connection, Entry(Action.LOGIN_REFUSED, "person:unknown", acting=acting, reason=why))


def whose(engine: sa.Engine, secret: str, issuer: str) -> tuple[str, tuple[str, ...]] | None:
    """The person of a login that has not expired, and the groups he was in when he logged in."""
    with engine.connect() as connection:
        row = connection.execute(sql("oidc_session"), {"digest": digest(secret), "issuer": issuer}).first()
    return (row.person, tuple(row.groups)) if row else None


def log_out(engine: sa.Engine, secret: str) -> None:
    """End the login."""
    with engine.begin() as connection:
        connection.execute(sql("close_oidc_session"), {"digest": digest(secret)})

"""SQLAlchemy URLs as libpq and people read them, without importing SQLAlchemy."""

from __future__ import annotations


def connection_string(url: str) -> str:
    """The URL for libpq: without the driver that SQLAlchemy names."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


def without_password(url: str) -> str:
    """The URL for tables, logs and JSON: a password is left out, and a query that may hold one."""
    address, _, query = url.partition("?")
    scheme, separator, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, host = authority.rpartition("@")
    user = login.partition(":")[0]
    shown = f"{scheme}{separator}{user}{at if user else ''}{host}{slash}{path}"
    return f"{shown}?{query}" if query and "pass" not in query.lower() else shown

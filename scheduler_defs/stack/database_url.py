"""SQLAlchemy URLs as libpq and people read them, without importing SQLAlchemy."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def connection_string(url: str, *, database: str | None = None) -> str:
    """The URL for libpq: without the driver that SQLAlchemy names, and with another database if asked."""
    parts = urlsplit(url)
    path = parts.path if database is None else f"/{database}"
    scheme = parts.scheme.partition("+")[0]
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{parts.netloc}{path}{query}"


def without_password(url: str) -> str:
    """The URL for tables, logs and JSON: the password is left out."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    login, _, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    netloc = f"{user}@{host}" if user else host
    text = urlunsplit((parts.scheme, netloc, parts.path, "", ""))
    return f"{text}?{parts.query}" if parts.query and "password" not in parts.query else text

"""SQLAlchemy URLs as libpq and people read them, without importing SQLAlchemy."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def connection_string(url: str) -> str:
    """The URL for libpq: without the driver that SQLAlchemy names."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


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

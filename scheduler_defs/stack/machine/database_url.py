"""SQLAlchemy URLs as libpq and people read them, without importing SQLAlchemy."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from scheduler_defs.errors import UsageError

# A ; alone may be part of a password.
_NEXT_URL = re.compile(r";(?=[A-Za-z][A-Za-z0-9+.-]*://)")


def connection_string(url: str) -> str:
    """The URL for libpq: without the driver that SQLAlchemy names."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


def without_password(url: str) -> str:
    """The URL for tables, logs and JSON: a password is left out, and a query that may hold one.

    Everything before the last @ is login: a password that was not encoded may hold any of / ? # @ itself.
    Brokers that stand in for each other (`URL;URL`) are shown one by one. Of what is no URL nothing is shown.
    """
    return ";".join(map(_one_without_password, _NEXT_URL.split(url)))


def _one_without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "(no URL)"
    login, at, address = rest.rpartition("@")
    place, _, query = address.partition("?")
    user = login.partition(":")[0]
    shown = f"{scheme}{separator}{user}{at if user else ''}{place}"
    return f"{shown}?{query}" if query and "pass" not in query.lower() else shown


def check_readable(variable: str, url: str) -> None:
    """Raises UsageError, which shows nothing of the URL, when it cannot be read as one."""
    for part in _NEXT_URL.split(url):
        _, separator, rest = part.partition("://")
        if not separator:
            raise UsageError(f"{variable}: it is no URL; write it as SCHEME://USER:PASSWORD@HOST:PORT/NAME")
        try:
            faulty = rest.count("@") > 1 or urlsplit(part).port == 0
        except ValueError:
            faulty = True
        if faulty or re.search(r"\s|#|%(?![0-9A-Fa-f]{2})", part):
            raise UsageError(
                f"{variable}: it cannot be read as a URL; special characters in the password must be "
                "percent-encoded (@ is %40, : is %3A, / is %2F, # is %23, % is %25, a space %20)"
            )

"""How the parts of a stack and its own command show the webserver that they belong to it.

A secret in the state folder, for its owner alone. Whoever can read it can read the database's address, too.
Elsewhere an API token does the same, in SIGNALBOX_TOKEN.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

TOKEN = "SIGNALBOX_TOKEN"  # noqa: S105 - a variable's name
ACTOR_HEADER = "X-Signalbox-Actor"
"""Who acts through the stack's own credential; percent-encoded, because headers are ASCII."""
_FILE = "web-credential"


def create(state: Path) -> str:
    """The credential of the state folder, made when it is first asked for."""
    path = state / _FILE
    with contextlib.suppress(FileExistsError):
        # Written under another name first: who reads it never finds half of it.
        fresh = path.with_name(f"{_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            os.link(fresh, path)
        finally:
            fresh.unlink()
    found = read(state)
    if found is None:
        raise OSError(f"{path}: cannot be read")
    return found


def read(state: Path) -> str | None:
    """The credential; None for whoever may not have it, and where no stack has ever been."""
    try:
        return (state / _FILE).read_text().strip() or None
    except OSError:
        return None


def headers(state: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a request carries: a token that was given, or else the stack's credential; or nothing."""
    given = (os.environ if environ is None else environ).get(TOKEN)
    found = given or read(state)
    if not found:
        return {}
    return {"Authorization": f"Bearer {found}", ACTOR_HEADER: quote(_user())}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

"""Who is acting, for the runs that a person launches."""

from __future__ import annotations

import getpass
import os

from scheduler_defs.audit.entries import SYSTEM, Channel
from scheduler_defs.audit.entries import acting as acting_here


def acting() -> str:
    """Whoever the request is for; where no door has said so, the operating system's user."""
    who = acting_here()
    return _user() if who == SYSTEM else who.actor


def asked_by_request() -> bool:
    """Whether this is done for a request to the API."""
    return acting_here().channel in (Channel.REST, Channel.MCP)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

"""What must be agreed to by people before it starts."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from scheduler_defs.declarations.models.access import Role
from scheduler_defs.declarations.models.base import Model


class Otherwise(StrEnum):
    """What becomes of a run when the time for its approval is over."""

    REJECT = "reject"
    """It ends, canceled."""
    RUN = "run"
    """It starts: nobody has objected."""


class Approve(Model):
    """Runs wait until `needs` different people who may decide have agreed; one who objects ends it."""

    who: tuple[str, ...] = ()
    """Globs over names. With `roles` too, either will do; without both, whoever may approve."""
    roles: tuple[Role, ...] = ()
    needs: int = 1
    within: dt.timedelta | None = None
    """None: they wait until somebody decides."""
    otherwise: Otherwise = Otherwise.REJECT
    not_requester: bool = False
    """Whoever asked for the run does not count."""

"""What a queued run waits for."""

from __future__ import annotations

from scheduler_defs.cli.terminal.connection import database_engine
from scheduler_defs.cli.terminal.declarations import load_declared
from scheduler_defs.errors import NotReachableError


def waits_for(run_id: str) -> str | None:
    """As `scheduler_defs.acting.limits.waits_for`; None as well while the database does not answer."""
    from scheduler_defs.acting import limits

    try:
        return limits.waits_for(database_engine(), load_declared(), run_id)
    except NotReachableError:
        return None

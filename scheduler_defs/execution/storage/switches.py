"""Since when each schedule was on or off, for as long as the ledger is kept.

Dagster keeps only when it was last switched on, and what fell due while it was off must be explained later.
"""

from __future__ import annotations

import sqlalchemy as sa
from dagster._core.scheduler.instigation import InstigatorStatus

CHANGES = {
    InstigatorStatus.RUNNING: "on",
    InstigatorStatus.STOPPED: "off",
    InstigatorStatus.DECLARED_IN_CODE: "as_declared",
    InstigatorStatus.AUTOMATICALLY_RUNNING: "as_declared",  # the same, in the words of older releases
}
HAS_SWITCHES = sa.text("SELECT to_regclass('signalbox.schedule_changes') IS NOT NULL")
SWITCH = sa.text(
    """
    -- keep_switch: unless it is switched that way already
    INSERT INTO signalbox.schedule_changes (schedule, at, change)
    SELECT :schedule, now(), :change
    WHERE :change IS DISTINCT FROM (
        SELECT change FROM signalbox.schedule_changes
        WHERE schedule = :schedule AND change IN ('on', 'off', 'as_declared')
        ORDER BY id DESC LIMIT 1)
    """
)


def has_switches(connection: sa.Connection) -> bool:
    """Whether there is a table for them: a storage of Dagster's may be used without ours."""
    return connection.execute(HAS_SWITCHES).scalar_one()


def keep_switch(connection: sa.Connection, schedule: str, status: InstigatorStatus) -> None:
    """Note how a schedule (Dagster's name) is switched from now on."""
    connection.execute(SWITCH, {"schedule": schedule, "change": CHANGES[status]})

"""How often Dagster must ask a schedule."""

from __future__ import annotations

from scheduler_defs.declarations.models import Schedule
from scheduler_defs.timing import covering_cron

EVERY_MINUTE = "* * * * *"


def cron_of(schedule: Schedule) -> str | list[str]:
    """The cron that Dagster runs: every minute where an occurrence may wait for a limit or its jitter."""
    if schedule.max_global or schedule.max_per_job or schedule.policies.jitter:
        return EVERY_MINUTE
    return covering_cron(schedule.timing)

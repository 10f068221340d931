"""When Dagster asks a schedule: at a cron that covers its occurrences, from and until its bounds.

What waits for its jitter or a limit needs no cron: the daemon asks again for as long as the ledger says that
something waits (`execution/dagster_patches/tick_times.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.tags import DUE_FROM, DUE_UNTIL
from scheduler_defs.timing import bounds, covering_cron


def cron_of(schedule: Schedule) -> str | list[str]:
    """The cron that Dagster runs: it covers the occurrences, with more where cron cannot say the rule."""
    return covering_cron(schedule.timing)


def bounds_of(schedule: Schedule) -> Mapping[str, dt.datetime]:
    """By the names under which Dagster is told: from when, and until when, anything can be due."""
    first, last = bounds(schedule.timing, schedule.policies)
    return {name: each for name, each in ((DUE_FROM, first), (DUE_UNTIL, last)) if each is not None}

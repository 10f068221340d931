"""When Dagster asks a schedule: at a cron that covers it, or in its steps, from and until its bounds.

What waits for its jitter or a limit needs no cron: the daemon asks again for as long as the ledger says that
something waits (`execution/dagster_patches/tick_times.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.tags import COUNTED_FROM, DUE_FROM, DUE_UNTIL, SECONDS_APART
from scheduler_defs.timing import bounds, covering_cron, steps


def cron_of(schedule: Schedule) -> str | list[str]:
    """The cron that Dagster runs: it covers the occurrences, with more where cron cannot say the rule."""
    return covering_cron(schedule.timing)


def ticks_of(schedule: Schedule) -> Mapping[str, dg.MetadataValue]:
    """What Dagster is told beside the cron: from when, until when and in which steps anything can be due."""
    first, last = bounds(schedule.timing, schedule.policies)
    found: dict[str, dg.MetadataValue] = {
        name: dg.TimestampMetadataValue(each.timestamp())
        for name, each in ((DUE_FROM, first), (DUE_UNTIL, last))
        if each is not None
    }
    if (stepped := steps(schedule.timing)) is not None:
        anchor, step = stepped
        found[COUNTED_FROM] = dg.TimestampMetadataValue(anchor.timestamp())
        found[SECONDS_APART] = dg.IntMetadataValue(round(step.total_seconds()))
    return found

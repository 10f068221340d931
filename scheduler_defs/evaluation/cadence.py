"""When Dagster asks a schedule: at its occurrences, and nowhere else.

A cron that covers them is Dagster's; where it says more than the rule, the rule goes along, and daemon and
webserver go by that. What waits for its jitter or a limit needs neither: the daemon asks again when the
ledger says that its time has come (`execution/dagster_patches/tick_times.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.declarations.normalising import brief_rule
from scheduler_defs.tags import DUE
from scheduler_defs.timing import CronSpec, covering_cron


def cron_of(schedule: Schedule) -> str | list[str]:
    """The cron that Dagster runs: it covers the occurrences, with more where cron cannot say the rule."""
    return covering_cron(schedule.timing)


def ticks_of(schedule: Schedule) -> Mapping[str, dg.MetadataValue]:
    """What Dagster is told beside the cron: the rule, unless the cron says just that."""
    return {} if _is_said_by_cron(schedule) else {DUE: dg.JsonMetadataValue(brief_rule(schedule))}


def _is_said_by_cron(schedule: Schedule) -> bool:
    policies = schedule.policies
    if policies.start or policies.end or policies.exclude or policies.windows:
        return False
    cron = cron_of(schedule)
    return isinstance(schedule.timing, CronSpec) and schedule.timing.expressions == (
        (cron,) if isinstance(cron, str) else tuple(cron)
    )

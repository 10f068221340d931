"""Old ticks are looked for every ten minutes, not at every tick (private Dagster API, contract-tested).

Dagster's daemon asks for it, a statement for each different number of days, whenever a tick has ended. The
storage does what it is told; held back is who asks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from dagster._core.instance import DagsterInstance
from dagster._core.scheduler.instigation import TickStatus

PURGE_SECONDS = 600.0

_purge = DagsterInstance.purge_ticks
_purged: dict[tuple[str, ...], float] = {}


def install() -> None:
    """Have this process, a daemon, ask seldom."""
    DagsterInstance.purge_ticks = purge_ticks


def purge_ticks(
    self: DagsterInstance,
    origin_id: str,
    selector_id: str,
    before: float,
    tick_statuses: Sequence[TickStatus] | None = None,
) -> None:
    """As Dagster's, but not at the first tick that this process sees, and then once in ten minutes.

    The first ticks of all schedules may be in the same minute.
    """
    key = (selector_id, *sorted(status.value for status in tick_statuses or ()))
    now = time.monotonic()
    if now - _purged.setdefault(key, now) < PURGE_SECONDS:
        return
    _purged[key] = now
    _purge(self, origin_id, selector_id, before, tick_statuses)

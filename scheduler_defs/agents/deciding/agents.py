"""Agents as one pass sees them: how many slots are free, and whether they take new work now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from scheduler_defs.agents.deciding.quotas import QuotaView


class AgentMode(StrEnum):
    """What people have told an agent to do."""

    ON = "on"
    """Take work."""
    PAUSED = "paused"
    """Take no new work until resumed; what runs goes on."""
    DRAINING = "draining"
    """Take no new work, finish what runs, and then be ready to be removed."""


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent of a queue's pool, at one instant.

    `active` counts its unfinished runs in all queues, those that are only requested or queued included.
    `opens` is when its working hours begin next, or None when they never do.
    """

    name: str
    limit: int
    active: int = 0
    capabilities: frozenset[str] = frozenset()
    max_attempts: int = 1
    enabled: bool = True
    mode: AgentMode = AgentMode.ON
    mode_ends: dt.datetime | None = None
    in_working_hours: bool = True
    opens: dt.datetime | None = None
    failed_starts: int = 0
    passed_over_until: dt.datetime | None = None
    last_given: dt.datetime | None = None
    pull: bool = False
    """It claims its tasks itself: no pass gives it any."""
    quota: QuotaView | None = None
    """The quota pool that it draws on, with all other agents that name it."""
    budget: str = ""
    """The budget that it has reached for this queue, in words; empty: none."""

    @property
    def free(self) -> int:
        """Slots that this pass may fill, were the agent to take work at all."""
        return max(0, self.limit - self.active)

    def takes_work(self, now: dt.datetime) -> bool:
        """Whether it takes new work now, free slots aside."""
        return (
            self.enabled
            and not self.pull
            and self.mode is AgentMode.ON
            and self.in_working_hours
            and (self.passed_over_until is None or self.passed_over_until <= now)
            and (self.quota is None or self.quota.left != 0)
            and not self.budget
        )


COOL_DOWN_AFTER = 3
"""So many failed starts in a row, and an agent is passed over for a while."""

_COOL_DOWN = dt.timedelta(seconds=30)
_LONGEST_COOL_DOWN = dt.timedelta(minutes=10)


def cool_down(failed_starts: int) -> dt.timedelta:
    """How long an agent is passed over after so many failed starts in a row.

    Nothing up to the second, then 30 s, doubling up to 10 minutes: a broken agent, whose slots are always
    free because its runs fail at once, must not drain the queue into the dead-letter state.
    """
    if failed_starts < COOL_DOWN_AFTER:
        return dt.timedelta(0)
    return min(_LONGEST_COOL_DOWN, _COOL_DOWN * 2 ** min(failed_starts - COOL_DOWN_AFTER, 10))

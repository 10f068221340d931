"""Which of a worker's children must be stopped: those whose run was cancelled, failed or deleted meanwhile.

Usually they were told already: Celery sends SIGTERM when a run is cancelled, and a run that times out
interrupts itself. This sees to those that were not told, because the broker was away, and to those that do
not listen.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scheduler_defs.execution.leases.leases import Holding

_MARGIN_SECONDS = 2.0
"""On top of the grace, for a child whose command uses all of its grace."""


@dataclass(slots=True)
class _Unwanted:
    since: float
    told: bool


class StoppingChildren:
    """Remembers since when a child's work is unwanted. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self._unwanted: dict[tuple[int, str, str], _Unwanted] = {}
        self._told: dict[int, float] = {}

    @property
    def waiting(self) -> bool:
        """Whether there is a child that should end soon: look again in a second."""
        return bool(self._unwanted) or bool(self._told)

    def told(self, pid: int, now: float) -> None:
        """Somebody else has sent SIGTERM to the child."""
        self._told[pid] = now

    def decide(self, holdings: Iterable[Holding], now: float) -> Iterator[tuple[int, signal.Signals]]:
        """The signals to send. One sighting is none: a lease outlives its run's end by a moment."""
        seen: dict[tuple[int, str, str], _Unwanted] = {}
        told, self._told = self._told, {}
        for held in holdings:
            if held.run_status == "STARTED":
                continue
            key = (held.pid, held.run_id, held.step_key)
            known = self._unwanted.get(key)
            first = known is None
            if known is None:
                known = _Unwanted(now, told=False)
            if held.pid in told or _ended_by_itself(held):
                known.told = True
            seen[key] = known
            if now - known.since >= held.grace_seconds + _MARGIN_SECONDS:
                yield held.pid, signal.SIGKILL
            elif not first and not known.told:
                known.told = True
                yield held.pid, signal.SIGTERM
        self._unwanted = seen


def _ended_by_itself(held: Holding) -> bool:
    """The run's own process wrote how it ended, and is cleaning up: a signal would disturb it."""
    return held.step_key == "" and held.run_status in ("FAILURE", "SUCCESS")

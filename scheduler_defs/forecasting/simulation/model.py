"""What a forecast is given and what it says. Times are whole seconds since 1970 (UTC)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, NamedTuple

from scheduler_defs.timing.policies import Policies
from scheduler_defs.timing.specs import Spec

_NO_POLICIES = Policies()

Overlap = Literal["allow", "skip", "queue", "cancel_running"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule as the forecast sees it."""

    name: str
    spec: Spec
    duration: timedelta
    """How long a run is expected to take."""
    job: str = "job"
    policies: Policies = _NO_POLICIES
    limits: tuple[str, ...] = ()
    """Names of the limits that its runs count against; at a full one they wait in the queue."""
    max_global: int | None = None
    """It starts only while fewer runs are queued or running; 0: never. Looked at when a run ends."""
    max_per_job: int | None = None
    """The same, counting runs of its job only."""
    overlap: Overlap = "skip"
    priority: int = 0
    """Of waiting runs the one with the highest starts first; then the one due first."""


class ExpectedRun(NamedTuple):
    """One run: seconds since 1970 at which it is due (jitter included), starts and ends."""

    schedule: str
    due: int
    start: int
    end: int

    @property
    def wait_seconds(self) -> int:
        """How long it waits for a limit."""
        return self.start - self.due


@dataclass(slots=True)
class PileUp:
    """A stretch of time in which runs wait for a limit. `end` None: it lasts beyond the window."""

    limit: str
    begin: int
    end: int | None = None
    most_waiting: int = 0
    longest_wait_seconds: int = 0
    schedules: Counter[str] = field(default_factory=Counter[str])
    """How many of each schedule's runs had to wait."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected course of the window."""

    begin: int
    end: int
    runs: list[ExpectedRun]
    """By start."""
    skipped: Mapping[str, int]
    """Occurrences left out, by schedule: an earlier run still goes on, or a limit is 0."""
    unstarted: Mapping[str, int]
    """Runs that still wait when the window ends, by schedule."""
    peaks: Mapping[str, tuple[int, int]]
    """The most runs at once against each limit, and when first; `""` is all runs."""
    pileups: list[PileUp]
    step_seconds: int
    running: list[int]
    """The most runs going on at once in each step of the window."""
    waiting: list[int]
    """The most runs waiting at once in each step of the window."""

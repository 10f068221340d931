"""Numbers of a measurement, and what a later one says of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One measure, then and now. `percent` is how much more it is now; None when there is no number now."""

    measure: str
    before: float
    now: float | None
    percent: float | None
    worse: bool

    def __str__(self) -> str:
        if self.now is None:
            return f"{self.measure}: not measured now, and the baseline has it ({self.before:g})"
        return f"{self.measure}: {self.now:.4g}, was {self.before:.4g} ({self.percent:+.1f} %)"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1] of all does not exceed (nearest rank).

    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def compare(before: Mapping[str, float], now: Mapping[str, float], tolerance_percent: float) -> list[Change]:
    """Every measure of `before` beside what it is now; for all of them, less is better.

    Worse is what exceeds the old number by more than the tolerance, and what is no longer measured: a
    regression must not hide by not being looked at. What is measured for the first time says nothing yet.
    """
    changes = []
    for name, old in before.items():
        new = now.get(name)
        if new is None:
            changes.append(Change(name, old, None, None, worse=True))
            continue
        percent = 100 * (new - old) / old if old else (math.inf if new > 0 else 0.0)
        # A tenth more of 0.1 is not exactly 0.11 in binary: what is equal in nine digits is equal.
        changes.append(Change(name, old, new, percent, worse=percent > tolerance_percent + 1e-7))
    return changes

"""How many slots a queue needs: Little's law, and the waits to expect (Erlang C)."""

from __future__ import annotations

import math
from dataclasses import dataclass

COMFORTABLE = 0.8
"""Slots may be busy for this part of the time on average; beyond it waits grow steeply."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a queue needs. Waits are means in seconds; None: the queue grows without end.

    `load` is the number of slots that are busy on average: arrivals per hour x run time in hours. `needed`
    slots are the fewest that keep up with it; `advised` are busy for at most 80 % of the time.
    """

    load: float
    needed: int
    advised: int
    wait_now_seconds: float | None
    wait_advised_seconds: float | None


def advise(arrivals_per_hour: float, run_seconds: float, slots: int) -> Advice:
    """Advice for a queue that `slots` slots serve now.

    30 tasks an hour of 20 minutes keep 10 slots busy. (TinyScheduler's guide divides by the duration where it
    has to multiply, and arrives at 90.) Raises ValueError for negative numbers.
    """
    if arrivals_per_hour < 0 or run_seconds < 0 or slots < 0:
        raise ValueError("arrivals, run time and slots must not be negative")
    load = arrivals_per_hour * run_seconds / 3600
    # A load such as 9.999999999 is 10: it came from 30 x 1200 / 3600.
    needed = math.ceil(round(load, 6))
    advised = max(needed, math.ceil(round(load / COMFORTABLE, 6)))
    return Advice(
        load=round(load, 3),
        needed=needed,
        advised=advised,
        wait_now_seconds=mean_wait(load, run_seconds, slots),
        wait_advised_seconds=mean_wait(load, run_seconds, advised),
    )


def mean_wait(load: float, run_seconds: float, slots: int) -> float | None:
    """Mean wait in seconds before a task starts, with tasks coming at random; None when they pile up.

    Erlang's C formula: with the probability C that all slots are busy, C x run time / (slots - load).
    """
    if load == 0:
        return 0.0
    if load >= slots:
        return None
    # The probability that all are busy, built up slot by slot so that nothing overflows.
    blocked = 1.0
    for count in range(1, slots + 1):
        blocked = load * blocked / (count + load * blocked)
    busy = slots * blocked / (slots - load * (1 - blocked))
    return round(busy * run_seconds / (slots - load), 3)

"""What was measured at which size, and how it is told."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.stack_bars import seconds

SMALLEST_SERIES = 30
"""Below this a tenth and a third say nothing."""


@dataclass(frozen=True)
class Figure:
    """One measure at one size; `bar`: the seconds that it may take at the size that was promised."""

    part: str
    name: str
    size: int
    seconds: float
    megabytes: float = 0.0
    bar: float | None = None


def series(whole: int) -> list[int]:
    """The sizes that stand for one: a tenth, a third, the whole."""
    return [whole] if whole < SMALLEST_SERIES else [whole // 10, whole // 3, whole]


def median_seconds(call: Callable[[], object], times: int = 5) -> float:
    """The wall time of a call in the median."""
    return statistics.median(seconds(call) for _ in range(times))


def growth(figures: Iterable[Figure]) -> float | None:
    """The power of the size with which the time grows: 0 is flat, 1 linear. None of fewer than two sizes."""
    points = sorted((math.log(each.size), math.log(max(each.seconds, 1e-6))) for each in figures)
    if len({x for x, _ in points}) < 2:
        return None
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def curves(figures: Iterable[Figure]) -> dict[tuple[str, str], list[Figure]]:
    """The figures of each measure."""
    found: dict[tuple[str, str], list[Figure]] = {}
    for each in figures:
        found.setdefault((each.part, each.name), []).append(each)
    return found


def table(figures: Iterable[Figure]) -> str:
    """A line for each figure, and behind the last of a measure how it grows."""
    lines = [f"{'part':10}{'measure':52}{'size':>10}{'seconds':>10}{'MB':>7}"]
    for (part, name), each in curves(figures).items():
        for figure in each:
            over = "   OVER" if figure.bar is not None and figure.seconds > figure.bar else ""
            bar = "" if figure.bar is None else f"   at most {figure.bar:g}"
            lines.append(
                f"{part:10}{name:52}{figure.size:>10,}{figure.seconds:>10.4f}{figure.megabytes:>7.0f}{bar}{over}"
            )
        power = growth(each)
        if power is not None:
            lines[-1] += f"   grows with size^{power:.1f}"
    return "\n".join(lines)

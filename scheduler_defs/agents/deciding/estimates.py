"""How long tasks take, learned from those that are done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

LEAST = 5
"""So many tasks at least, or nothing is said."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task that was done: how long the attempt took that did it."""

    queue: str
    agent: str
    tags: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Half of them took less than `median_seconds`; one in ten less than `low`, one in ten more than `high`.

    `basis`: of which tasks, in words: `12 of queue dev, by vaela, tagged schema`.
    """

    median_seconds: float
    low_seconds: float
    high_seconds: float
    tasks: int
    basis: str


class Estimates:
    """What is usual, by queue, and within it by agent and by tag: a template's name is one, too."""

    def __init__(self, done: Iterable[Done]) -> None:
        self._seconds: dict[tuple[str, str, str], list[float]] = {}
        for each in done:
            for agent, tag in product(("", each.agent), ("", *dict.fromkeys(each.tags))):
                self._seconds.setdefault((each.queue, agent, tag), []).append(each.seconds)
        for found in self._seconds.values():
            found.sort()

    def of(self, queue: str, *, agent: str = "", tags: Iterable[str] = ()) -> Estimate | None:
        """Of tasks like this one: by this agent and with one of its tags, as far as there are enough.

        Of several tags the one whose tasks differ least counts. None: fewer than five tasks are known.
        """
        given = sorted(set(tags))
        for who, named in ((agent, given), ("", given), (agent, [""]), ("", [""])):
            found = list(self._enough(queue, who, named))
            if found:
                return min(found, key=lambda each: each.high_seconds / max(each.low_seconds, 1.0))
        return None

    def _enough(self, queue: str, agent: str, tags: Iterable[str]) -> Iterator[Estimate]:
        for tag in tags:
            seconds = self._seconds.get((queue, agent, tag), ())
            if len(seconds) >= LEAST:
                by = f", by {agent}" if agent else ""
                tagged = f", tagged {tag}" if tag else ""
                basis = f"{len(seconds)} of queue {queue}{by}{tagged}"
                low, median, high = (_quantile(seconds, part) for part in (0.1, 0.5, 0.9))
                yield Estimate(median, low, high, len(seconds), basis)


def _quantile(ordered: list[float] | tuple[float, ...], part: float) -> float:
    """Between the two that are nearest, as Postgres' percentile_cont."""
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return round(ordered[below] + (ordered[above] - ordered[below]) * (place - below), 3)

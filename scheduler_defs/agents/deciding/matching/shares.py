"""Weights between queues: which of those that want an agent's slot gets it. Pure.

What was given out of late says who is behind. Whoever had no work meanwhile has nothing to catch up with:
only the queues that want the slot now are compared, over the last of what they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import gcd


class Shares:
    """Agents that serve the same queues, which take from them by weight.

    `recent` names the queues of what they were given, the newest first. Looked at are the last T x W - 1 of
    them, where W is the sum of the contenders' weights and T the smallest number for which T x W is at least
    `slots`, what these agents can do at a time. The queue with the fewest for its weight is next: so while
    the same queues want more, any T x W in a row hold exactly T x weight of each, after the first T x W.
    """

    def __init__(
        self, agents: Collection[str], weights: Mapping[str, int], slots: int, recent: Iterable[str] = ()
    ) -> None:
        self.agents = frozenset(agents)
        self._weights = dict(weights)
        self._slots = slots
        self._given = list(recent)[::-1]

    def next_of(self, contenders: Sequence[str]) -> str:
        """Of these queues the one whose turn it is; of equal ones the heavier, then the first."""
        if len(contenders) == 1:
            return contenders[0]
        divisor = gcd(*(self._weights[name] for name in contenders))
        weights = {name: self._weights[name] // divisor for name in contenders}
        most = window(sum(weights.values()), self._slots) - 1
        counted = Counter[str]()
        for name in reversed(self._given):
            if most == 0:
                break
            if name in weights:
                counted[name] += 1
                most -= 1
        return min(contenders, key=lambda name: (counted[name] / weights[name], -weights[name]))

    def give(self, queue: str) -> None:
        """One of its tasks got a slot."""
        self._given.append(queue)


def window(weights: int, slots: int) -> int:
    """How many placements in a row hold the weights exactly: a multiple of their sum, at least `slots`."""
    return weights * max(1, -(-slots // weights))

"""How many runs may be out on each Celery queue: as many as live workers have slots for.

A worker may serve several queues and a queue may have several workers, so this is a matching of runs to
slots. `Slots.take` adds one run at a time and moves earlier ones between workers where that makes room
(an augmenting path). By the theory of transversal matroids, taking runs greedily in their order then lets
out the best set there is: no run of the order could replace a later one, and the number is the largest.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

RUN_QUEUE = "runs"
"""The Celery queue of a run that names none."""
AGENT_QUEUE = "agents"
"""The Celery queue of an agent that names none: agents wait for an API, and jobs do not wait for them."""
STEP_QUEUE = "steps"
"""The Celery queue of a step that names none."""

AGENTS_PER_PROCESSOR = 8
AGENT_BYTES = 512 * 1024 * 1024
"""What an agent takes at most, by and large: its program and the process of the worker that waits for it."""


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker whose heartbeat is fresh and that is not draining."""

    id: str
    queues: frozenset[str]
    slots: int


class Slots:
    """The slots of all live workers, and which of them are spoken for.

    Workers that serve the same queues are one group. A run that holds a lease stays with its worker
    (`hold`); a run that only waits in the broker may be moved between the groups of its queue (`take`).
    """

    def __init__(self, workers: Iterable[LiveWorker]) -> None:
        self._group_of: dict[str, frozenset[str]] = {}
        self._free: Counter[frozenset[str]] = Counter()
        self._total: Counter[str] = Counter()
        for worker in workers:
            self._group_of[worker.id] = worker.queues
            self._free[worker.queues] += worker.slots
            self._total.update(dict.fromkeys(worker.queues, worker.slots))
        self._groups_for: dict[str, list[frozenset[str]]] = defaultdict(list)
        for group in self._free:
            for queue in group:
                self._groups_for[queue].append(group)
        self._placed: dict[frozenset[str], Counter[str]] = defaultdict(Counter)
        self._full: set[str] = set()

    def serves(self, queue: str) -> bool:
        """Whether any live worker takes runs from this queue."""
        return queue in self._groups_for

    def total(self, queue: str) -> int:
        """Slots of all live workers that serve the queue; they may be shared with other queues."""
        return self._total[queue]

    def hold(self, worker_id: str) -> None:
        """A slot that a leased run occupies. Call this before `take`; unknown workers have no slots."""
        group = self._group_of.get(worker_id)
        if group is not None and self._free[group] > 0:
            self._free[group] -= 1

    def take(self, queue: str) -> bool:
        """Find a slot for one more run of the queue; False, and nothing changed, when there is none."""
        if queue in self._full or not self.serves(queue):
            return False
        if self._augment(queue, set()):
            return True
        self._full.add(queue)  # slots only become fewer: what fails once fails from now on
        return False

    @property
    def exhausted(self) -> bool:
        """True once no worker has a slot left, so that looking further is pointless."""
        return not any(self._free.values())

    def _augment(self, queue: str, visited: set[frozenset[str]]) -> bool:
        for group in self._groups_for[queue]:
            if self._free[group] > 0:
                self._free[group] -= 1
                self._placed[group][queue] += 1
                return True
        for group in self._groups_for[queue]:
            if group in visited:
                continue
            visited.add(group)
            for other in [name for name, runs in self._placed[group].items() if runs and name != queue]:
                if self._augment(other, visited):
                    self._placed[group][other] -= 1
                    self._placed[group][queue] += 1
                    return True
        return False


def agent_slots(limits: int, processors: int, memory: int) -> int:
    """Slots for agents: as many as their limits come to, as far as the machine goes (`memory` in bytes).

    An agent waits for an API most of the time, and takes memory for as long as it waits.
    """
    return max(1, min(limits, processors * AGENTS_PER_PROCESSOR, memory // AGENT_BYTES))


def agent_slots_here(limits: int) -> int:
    """`agent_slots` of this machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return agent_slots(limits, os.cpu_count() or 1, memory)


def too_few_slots(limits: int, slots: int) -> str | None:
    """A word for people when not all agents can have all that they may have."""
    if slots >= limits:
        return None
    return (
        f"the agents' limits come to {limits}, and this machine has slots for {slots} of their runs at once"
    )

"""Who waits for whom: rings of blockers, and how many tasks each one frees."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

Edge = tuple[int, int]
"""(task, blocker): the first waits for the second."""


def cycles(edges: Iterable[Edge]) -> tuple[tuple[int, ...], ...]:
    """Each ring of tasks that wait for each other, as `(3, 5, 3)`: 3 waits for 5, 5 waits for 3.

    A ring starts at its smallest id; rings are sorted. One ring is reported per knot of tasks that all reach
    each other: breaking it and asking again finds the next. Self-blocking is a ring of one: `(4, 4)`.
    """
    blockers = _grouped(edges)
    found: list[tuple[int, ...]] = []
    for knot in _knots(blockers):
        start = min(knot)
        found.append(_ring(start, blockers, knot))
    return tuple(sorted(found))


def ring_through(edges: Iterable[Edge], tasks: Iterable[int]) -> tuple[int, ...]:
    """A ring that contains one of `tasks`, starting at it; empty when there is none."""
    blockers = _grouped(edges)
    for task in tasks:
        path = _ring(task, blockers, None)
        if path:
            return path
    return ()


def caught(edges: Iterable[Edge], rings: Sequence[Sequence[int]]) -> Mapping[int, tuple[int, ...]]:
    """Every task that a ring keeps from starting, with that ring: its members and all who wait for them."""
    dependents: defaultdict[int, list[int]] = defaultdict(list)
    for task, blocker in edges:
        dependents[blocker].append(task)
    found: dict[int, tuple[int, ...]] = {}
    for ring in rings:
        for member in dict.fromkeys(ring):
            found.setdefault(member, _turned(ring, member))
        waiting = deque(ring)
        while waiting:
            for task in dependents[waiting.popleft()]:
                if task not in found:
                    found[task] = tuple(ring)
                    waiting.append(task)
    return found


def freed_counts(edges: Iterable[Edge]) -> Counter[int]:
    """How many tasks wait for each task, directly or through a chain; each waiting task counts once.

    `edges` are those between a waiting (idle) task and an unfinished blocker. Members of a ring, and what
    waits for them, are counted for nobody: nothing frees them.
    """
    blockers = _grouped(edges)
    pairs = [(task, blocker) for task, found in blockers.items() for blocker in found]
    stuck = caught(pairs, cycles(pairs))
    waiting = {
        task: [b for b in found if b not in stuck] for task, found in blockers.items() if task not in stuck
    }
    bit = {task: 1 << place for place, task in enumerate(waiting)}
    below: defaultdict[int, int] = defaultdict(int)
    for task in _last_first(waiting):
        reached = bit[task] | below[task]
        for blocker in waiting[task]:
            below[blocker] |= reached
    return Counter({task: reached.bit_count() for task, reached in below.items() if reached})


def _grouped(edges: Iterable[Edge]) -> dict[int, list[int]]:
    blockers: defaultdict[int, list[int]] = defaultdict(list)
    for task, blocker in sorted(set(edges)):
        blockers[task].append(blocker)
    return dict(blockers)


def _turned(ring: Sequence[int], first: int) -> tuple[int, ...]:
    body = list(ring[:-1])
    place = body.index(first)
    return (*body[place:], *body[:place], first)


def _last_first(blockers: Mapping[int, Sequence[int]]) -> list[int]:
    """Waiting tasks, each before all that it waits for."""
    dependents = Counter(b for found in blockers.values() for b in found if b in blockers)
    ready = deque(task for task in blockers if not dependents[task])
    order: list[int] = []
    while ready:
        task = ready.popleft()
        order.append(task)
        for blocker in blockers[task]:
            if blocker in blockers:
                dependents[blocker] -= 1
                if not dependents[blocker]:
                    ready.append(blocker)
    return order


def _knots(blockers: Mapping[int, Sequence[int]]) -> list[set[int]]:
    """Strongly connected components (Tarjan) of more than one task, or of one that blocks itself."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[set[int]] = []
    for root in blockers:
        if root in index:
            continue
        work: list[tuple[int, int]] = [(root, 0)]
        while work:
            task, place = work.pop()
            if place == 0:
                index[task] = low[task] = len(index)
                stack.append(task)
                on_stack.add(task)
            following = blockers.get(task, ())
            if place:
                low[task] = min(low[task], low[following[place - 1]])
            for step in range(place, len(following)):
                blocker = following[step]
                if blocker not in index:
                    work += [(task, step + 1), (blocker, 0)]
                    break
                if blocker in on_stack:
                    low[task] = min(low[task], index[blocker])
            else:
                if low[task] == index[task]:
                    knot: set[int] = set()
                    while task not in knot:
                        member = stack.pop()
                        on_stack.discard(member)
                        knot.add(member)
                    if len(knot) > 1 or task in following:
                        found.append(knot)
    return found


def _ring(start: int, blockers: Mapping[int, Sequence[int]], within: set[int] | None) -> tuple[int, ...]:
    """The shortest way from `start` back to itself; empty when there is none."""
    came_from: dict[int, int] = {}
    waiting = deque([start])
    while waiting:
        task = waiting.popleft()
        for blocker in blockers.get(task, ()):
            if blocker == start:
                path = [task]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return (*reversed(path), start)
            if blocker not in came_from and (within is None or blocker in within):
                came_from[blocker] = task
                waiting.append(blocker)
    return ()

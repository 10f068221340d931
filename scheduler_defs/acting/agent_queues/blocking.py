"""Who waits for whom, laid out to be drawn: columns from blockers (left) to those that wait (right). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from scheduler_defs.agents.deciding.matching.graph import caught, cycles
from scheduler_defs.agents.task_queue.models import OpenEdge

COLUMN, ROW, EDGE = 260, 46, 20
BOX = (220, 34)


@dataclass(frozen=True, slots=True)
class Box:
    """One task: where it stands, and whether it is on a ring that never starts."""

    task: int
    queue: str
    title: str
    state: str
    x: int
    y: int
    ringed: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a blocker to a task that waits for it: the path of an SVG."""

    path: str
    ringed: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """All of it."""

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    rings: Sequence[Sequence[int]]
    width: int
    height: int


def drawing(edges: Sequence[OpenEdge]) -> Drawing:
    """The layout of these edges."""
    pairs = [(edge.task, edge.blocker) for edge in edges]
    rings = cycles(pairs)
    tasks = {e.task: (e.task_queue, e.task_title, "idle") for e in edges}
    tasks |= {
        e.blocker: (e.blocker_queue, e.blocker_title, e.blocker_state)
        for e in edges
        if e.blocker not in tasks
    }
    ringed = {task for ring in rings for task in ring}
    columns = _columns(edges, tasks, caught(pairs, rings))
    places: dict[int, tuple[int, int]] = {}
    rows: dict[int, int] = {}
    for task in sorted(tasks, key=lambda task: (columns[task], task)):
        column = columns[task]
        places[task] = (EDGE + column * COLUMN, EDGE + rows.get(column, 0) * ROW)
        rows[column] = rows.get(column, 0) + 1
    return Drawing(
        boxes=[Box(task, *tasks[task], *places[task], task in ringed) for task in tasks],
        arrows=[
            Arrow(_line(places[e.blocker], places[e.task]), e.task in ringed and e.blocker in ringed)
            for e in edges
        ],
        rings=rings,
        width=max((x for x, _ in places.values()), default=0) + COLUMN,
        height=max((y for _, y in places.values()), default=0) + 60,
    )


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    """The path of an arrow between two boxes; within a column it goes round their right sides."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        return f"M{x1 + 220} {y1 + 17} C{x1 + 255} {y1 + 17} {x2 + 255} {y2 + 17} {x2 + 220} {y2 + 17}"
    return f"M{x1 + 220} {y1 + 17} L{x2} {y2 + 17}"


def _columns(edges: Sequence[OpenEdge], tasks: Iterable[int], stuck: Collection[int]) -> dict[int, int]:
    """The longest way from a task that waits for nothing; that one stands right before the first behind it.

    Edges within a ring count for nothing.
    """
    straight = [e for e in edges if not (e.task in stuck and e.blocker in stuck)]
    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(tasks, ()))
    blockers: dict[int, list[int]] = {}
    for edge in straight:
        sorter.add(edge.task, edge.blocker)
        blockers.setdefault(edge.task, []).append(edge.blocker)
    column: dict[int, int] = {}
    for task in sorter.static_order():
        column[task] = max((column[blocker] + 1 for blocker in blockers.get(task, ())), default=0)
    behind: dict[int, list[int]] = {}
    for edge in straight:
        behind.setdefault(edge.blocker, []).append(column[edge.task])
    heads = behind.keys() - blockers.keys()
    return column | {head: min(behind[head]) - 1 for head in heads}

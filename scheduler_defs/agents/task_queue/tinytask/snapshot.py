"""The unfinished tasks of a TinyTask server at one moment: who is blocked, by whom, in which ring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from scheduler_defs.agents.deciding import Blocker, Candidate, TaskStatus
from scheduler_defs.agents.deciding.matching.eligibility import cycle_text
from scheduler_defs.agents.deciding.matching.graph import Edge, caught, cycles, freed_counts
from scheduler_defs.agents.task_queue.models import OpenEdge, QueueCounts
from scheduler_defs.agents.task_queue.tinytask.row import Row

_LOOK_UPS = 20
"""Most blockers outside the list that are asked for one by one in a pass."""

_DEAD = ("archived", "failed", "canceled")

Ask = Callable[[int], Row | None]
"""One task of the server, archived ones included; None when it is gone."""


@dataclass(frozen=True)
class Snapshot:
    """All tasks that are idle or working, in all queues, and a way to ask for others."""

    rows: Mapping[int, Row]
    ask: Ask

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """(task, blocker) of all that the server calls blocked."""
        return tuple(
            (id, row.blocker)
            for id, row in self.rows.items()
            if row.currently_blocked and row.blocker is not None
        )

    @cached_property
    def rings(self) -> tuple[tuple[int, ...], ...]:
        """Rings of blockers. The server refuses only those of two."""
        return cycles(self.edges)

    @cached_property
    def subtask_edges(self) -> tuple[Edge, ...]:
        """(parent, subtask): a parent comes after its unfinished subtasks, unless they wait for it.

        The server derives the parent's status from theirs, so to start it earlier would be undone at once.
        """
        blockers = dict(self.edges)
        found: list[Edge] = []
        for id, row in self.rows.items():
            parent = row.task.parent_id
            if parent is not None and parent in self.rows and not _waits_for(id, parent, blockers):
                found.append((parent, id))
        return tuple(sorted(found))

    @cached_property
    def _stuck(self) -> Mapping[int, tuple[int, ...]]:
        return caught(self.edges, self.rings)

    @cached_property
    def _idle_edges(self) -> list[Edge]:
        waiting = self.edges + self.subtask_edges
        return [(task, blocker) for task, blocker in waiting if self._is_idle(task)]

    @cached_property
    def _frees(self) -> Mapping[int, int]:
        return freed_counts(self._idle_edges)

    @cached_property
    def _by_queue(self) -> Mapping[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for id, row in self.rows.items():
            found[row.task.queue].append(id)
        return found

    def rings_of(self, queue: str) -> tuple[tuple[int, ...], ...]:
        """The rings that a task of this queue is part of."""
        return tuple(ring for ring in self.rings if any(self.rows[id].task.queue == queue for id in ring))

    def candidates(self, queue: str, requested: Collection[int]) -> list[Candidate]:
        """The queue's idle tasks, blocked ones included, with what keeps them."""
        stuck, frees = self._stuck, self._frees
        blockers: defaultdict[int, list[Blocker]] = defaultdict(list)
        for task, blocker in self._idle_edges:
            if self.rows[task].task.queue == queue:
                blockers[task].append(Blocker(blocker, self.state(blocker)))
        return [
            Candidate(
                id=id,
                created=row.task.created,
                priority=row.task.priority,
                assigned_to=row.task.assigned_to,
                capabilities=row.task.capabilities,
                frees=frees.get(id, 0),
                not_before=row.task.not_before,
                attempts=row.task.attempts,
                max_attempts=row.task.max_attempts,
                last_agent=row.task.agent,
                blocked=id in blockers,
                blockers=tuple(blockers[id]) if id in blockers else (),
                cycle=stuck.get(id, ()),
                requested_for=(row.task.agent or "an agent") if id in requested else None,
            )
            for id in self._by_queue.get(queue, ())
            if self._is_idle(id)
            for row in [self.rows[id]]
        ]

    def state(self, id: int) -> str:
        """A blocker's state, and what it waits for itself if that will never complete."""
        own, seen, blockers = self.own_state(id), {id}, dict(self.edges)
        root = blockers.get(id)
        while root is not None and root not in seen:
            seen.add(root)
            if (state := self.own_state(root)) in _DEAD:
                return f"{own}, which waits for {root} ({state})"
            root = blockers.get(root)
        return own

    def own_state(self, id: int) -> str:
        """A blocker's state: its status, or `archived`, `missing`, `unknown`."""
        if id not in self.rows and id not in self._outside:
            return "unknown"
        row = self.rows.get(id) or self._outside[id]
        if row is None:
            return "missing"
        return "archived" if row.archived else row.task.status.value

    @cached_property
    def _outside(self) -> dict[int, Row | None]:
        asked = sorted({blocker for _, blocker in self.edges if blocker not in self.rows})
        return {id: self.ask(id) for id in asked[:_LOOK_UPS]}

    @cached_property
    def counts(self) -> dict[str, QueueCounts]:
        """The numbers of every queue with an unfinished task."""
        blocked = {task for task, _ in self.edges + self.subtask_edges}
        by_queue: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.rows.values():
            by_queue[row.task.queue].append(row)
        return {queue: _counts(rows, blocked) for queue, rows in sorted(by_queue.items()) if queue}

    def open_edges(self) -> list[OpenEdge]:
        """Who waits for whom."""
        found: list[OpenEdge] = []
        for task, blocker in sorted(self.edges):
            waiting, other = self.rows[task].task, self.rows.get(blocker) or self._outside.get(blocker)
            found.append(
                OpenEdge(
                    task,
                    blocker,
                    waiting.title,
                    other.task.title if other else "",
                    waiting.queue,
                    other.task.queue if other else "",
                    self.state(blocker),
                )
            )
        return found

    def faults(self, queue: str) -> tuple[str, ...]:
        """What a person should mend: rings, and blockers that will never complete."""
        rings = [f"cycle {cycle_text(ring)}: unblock one of them" for ring in self.rings_of(queue)]
        dead = [
            f"task {task} waits for {blocker}, which is {state}: complete {blocker}, or unblock {task}"
            for task, blocker in sorted(self.edges + self.subtask_edges)
            if self.rows[task].task.queue == queue
            and (
                (state := self.own_state(blocker)) in _DEAD or "which waits" in (state := self.state(blocker))
            )
        ]
        return tuple(rings + dead[:_LOOK_UPS])

    def _is_idle(self, id: int) -> bool:
        return self.rows[id].task.status is TaskStatus.IDLE


def _waits_for(task: int, other: int, blockers: Mapping[int, int]) -> bool:
    """Whether a task waits for another one, directly or through a chain."""
    seen: set[int] = set()
    while task in blockers and task not in seen:
        seen.add(task)
        task = blockers[task]
        if task == other:
            return True
    return False


def _counts(rows: Collection[Row], blocked: Collection[int]) -> QueueCounts:
    idle = [row.task for row in rows if row.task.status is TaskStatus.IDLE]
    held = sum(task.id not in blocked and task.not_before is not None for task in idle)
    waiting = sum(task.id in blocked for task in idle)
    return QueueCounts(
        ready=len(idle) - waiting - held,
        blocked=waiting,
        held=held,
        working=sum(row.task.status is TaskStatus.WORKING for row in rows),
        failed=sum(row.task.status is TaskStatus.FAILED for row in rows),
        waiting=sum(row.task.status is TaskStatus.WAITING for row in rows),
        oldest=min((task.created for task in idle), default=None),
    )

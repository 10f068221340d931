"""What matching needs to know about a task, and nothing more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocker:
    """A task that another one waits for. `state` is its status, or `archived` or `missing`."""

    id: int
    state: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An idle task, as one pass sees it.

    `frees` is the number of idle tasks that wait for this one, directly or through a chain of blockers.
    `cycle` is the ring of blockers it is caught in, its first id repeated at the end; or empty.
    `requested_for` names the agent whose run for this task has not ended.
    """

    id: int
    created: dt.datetime
    priority: int = 0
    assigned_to: str | None = None
    capabilities: tuple[str, ...] = ()
    frees: int = 0
    not_before: dt.datetime | None = None
    ready: dt.datetime | None = None
    """Since when nothing but a slot was missing, if the task queue knows."""
    attempts: int = 0
    max_attempts: int | None = None
    last_agent: str | None = None
    """Who worked on it last; after a failed attempt another agent is preferred."""
    blocked: bool = False
    blockers: tuple[Blocker, ...] = ()
    cycle: tuple[int, ...] = ()
    requested_for: str | None = None
    deadline: dt.datetime | None = None
    paths: tuple[str, ...] = ()
    """Globs that it reserves while it is worked on."""

    @property
    def kind(self) -> Kind:
        """What decides which agents can take it."""
        return Kind(self.assigned_to, self.capabilities)


@dataclass(frozen=True, slots=True)
class Kind:
    """Tasks of one kind can be taken by the same agents: the same assignee, the same needs."""

    assigned_to: str | None
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """A task given to an agent, as attempt number `attempt` (from 1) of `max_attempts`."""

    task: int
    agent: str
    attempt: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that is not placed, and why."""

    task: int
    reason: str


@dataclass(frozen=True, slots=True)
class KeptApart:
    """A task that waits because `held_by` has what it wants: `path` overlaps `with_path`."""

    task: int
    held_by: int
    path: str
    with_path: str
    placed_before: int
    """How many tasks the pass had placed when it came to this one."""

    @property
    def reason(self) -> str:
        """`waits for path src/api/** (task 12 has src/**)`."""
        return f"waits for path {self.path} (task {self.held_by} has {self.with_path})"


@dataclass(frozen=True, slots=True)
class Assignments:
    """What one pass decides. Tasks appear in the order in which they were considered."""

    placed: tuple[Placement, ...]
    waiting: tuple[Waiting, ...]
    blocked: int
    """How many of `waiting` wait for blockers (cycles included)."""
    exhausted: tuple[int, ...]
    """Tasks of `waiting` whose attempts are used up: for the dead-letter state."""
    loads: Mapping[str, int]
    """Runs of each agent afterwards, those just placed included."""
    kept_apart: tuple[KeptApart, ...] = ()
    """Those of `waiting` whose paths somebody else has."""

"""Tasks as both task queues give and take them: frozen, and the same whichever backend holds them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs.agents.deciding import Candidate, TaskStatus, Verdict


@dataclass(frozen=True, slots=True)
class Task:
    """One item of an agent queue.

    `assigned_to` is whom people have chosen (None: any agent of the pool); `agent` and `run_id` are who works
    on it, or did last. `blocked_by` are its unfinished blockers.
    """

    id: int
    title: str
    queue: str
    status: TaskStatus
    created: dt.datetime
    updated: dt.datetime
    created_by: str
    description: str | None = None
    assigned_to: str | None = None
    agent: str | None = None
    run_id: str | None = None
    priority: int = 0
    tags: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])
    recipe: str | None = None
    parent_id: int | None = None
    blocked_by: tuple[int, ...] = ()
    not_before: dt.datetime | None = None
    deadline: dt.datetime | None = None
    attempts: int = 0
    max_attempts: int | None = None
    result: Any = None
    claimed: dt.datetime | None = None
    finished: dt.datetime | None = None
    archived: bool = False

    @property
    def blocked(self) -> bool:
        """Whether an unfinished blocker keeps it from starting."""
        return bool(self.blocked_by) and self.status is TaskStatus.IDLE


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody has written on a task."""

    content: str
    created_by: str
    created: dt.datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A page that belongs to a task: its runs, above all."""

    url: str
    description: str | None
    created_by: str
    created: dt.datetime


@dataclass(frozen=True, slots=True)
class TaskDetails:
    """A task with all that hangs on it. `blocks` are the unfinished tasks that wait for it.

    `waited_for` are all its blockers, finished ones too.
    """

    task: Task
    comments: tuple[Comment, ...]
    links: tuple[Link, ...]
    subtasks: tuple[int, ...]
    blocks: tuple[int, ...]
    waited_for: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks: all conditions hold; None and empty mean any. Newest first unless `limit` is None."""

    queue: str | None = None
    statuses: tuple[TaskStatus, ...] = ()
    assigned_to: str | None = None
    """Assigned to this agent, being worked on by it, or done by it."""
    ids: tuple[int, ...] = ()
    limit: int | None = 100
    offset: int = 0
    blocked: bool = False
    """Only idle ones that wait for others."""
    tag: str | None = None
    parent: int | None = None
    text: str | None = None
    """Somewhere in the title or the description, whatever the case of its letters."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many tasks of a queue are in which state. `held` wait for a time, `blocked` for other tasks."""

    ready: int = 0
    blocked: int = 0
    held: int = 0
    working: int = 0
    failed: int = 0
    oldest: dt.datetime | None = None
    """Creation of the oldest idle task."""
    waiting: int = 0
    """Their agents have asked a human."""

    @property
    def idle(self) -> int:
        """All that is still to be started."""
        return self.ready + self.blocked + self.held


@dataclass(frozen=True, slots=True)
class View:
    """What one pass sees of a queue.

    `candidates` holds every task that the pass could place (and may hold more); `faults` are things about the
    queue that a person should mend, one line each; `cycles` the rings of blockers among them.
    """

    candidates: tuple[Candidate, ...]
    counts: QueueCounts
    faults: tuple[str, ...] = ()
    cycles: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """A task that is being worked on by a run of ours, as the task queue has it noted."""

    task_id: int
    queue: str
    agent: str
    run_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Held:
    """The task that a run works on: what the run may speak for, and as long as it has it."""

    task_id: int
    run_id: str

    def lost(self, status: TaskStatus) -> str:
        """That it has the task no more, for people."""
        return f"this run no longer has task {self.task_id}: it is {status} (run {self.run_id})"


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a task when its run ended."""

    verdict: Verdict
    status: TaskStatus
    why: str
    held_last: bool = False
    """No other run has had the task since."""


@dataclass(frozen=True, slots=True)
class OpenEdge:
    """`task` waits for `blocker`, which is not complete."""

    task: int
    blocker: int
    task_title: str
    blocker_title: str
    task_queue: str
    blocker_queue: str
    blocker_state: str


@dataclass(frozen=True, slots=True)
class OpenTask:
    """An unfinished task as the workload report has it.

    `comments` and `links` are their numbers; None where counting them would take a request per task.
    """

    id: int
    title: str
    description: str | None
    status: TaskStatus
    agent: str | None
    """Whom it is assigned to, or who works on it."""
    queue: str
    created_by: str
    priority: int
    tags: tuple[str, ...]
    created: dt.datetime
    updated: dt.datetime
    comments: int | None = None
    links: int | None = None

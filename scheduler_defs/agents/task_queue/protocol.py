"""The seam between agent queues and whatever holds the tasks. Its meaning is the conformance suite."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from scheduler_defs.agents.deciding import Candidate, Ending, Kind, Policy, TaskStatus
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.task_queue.models import (
    Held,
    Holder,
    OpenEdge,
    OpenTask,
    QueueCounts,
    Settled,
    Task,
    TaskDetails,
    TaskQuery,
    View,
)
from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges
from scheduler_defs.errors import NotReachableError, NotThereError, SignalboxError

CHANNEL = "signalbox_tasks"
"""Postgres announces here, with the queue's name, that a queue of tasks has changed."""

Demand = Callable[[Kind], int]
"""How many tasks of a kind a pass could place at most."""


class UnknownTaskError(NotThereError):
    """There is no such task."""


class BlockerCycleError(SignalboxError):
    """The blockers would form a ring; the message spells it out."""


class NotSupportedError(SignalboxError):
    """This task queue has no such thing."""


class NotNeededError(SignalboxError):
    """The task cannot be claimed any more; the message says why. The run has nothing to do."""


class LostTaskError(SignalboxError):
    """A run that no longer has its task speaks for it."""


class TaskQueueDownError(NotReachableError):
    """The task queue does not answer. The message names its address."""


def refuse_delete(task_id: int, status: TaskStatus, run_id: str | None, waiting: Sequence[int]) -> None:
    """Raise SignalboxError when the task cannot be removed without others noticing."""
    if status is TaskStatus.WORKING:
        raise SignalboxError(f"task {task_id} is worked on by run {run_id}: stop it first")
    if waiting:
        named = ", ".join(map(str, waiting[:5]))
        raise SignalboxError(f"task {task_id} cannot be deleted: {named} wait for it; unblock them first")


class TaskQueue(Protocol):
    """Tasks with blockers, claimed and settled by runs, steered by people.

    Every method raises TaskQueueDownError when the task queue does not answer in time, and those that name a
    task raise UnknownTaskError when there is none. Nothing ever hangs, and no failure looks like an empty
    queue. Task ids are positive integers.
    """

    backend: str
    """`postgres` or `tinytask`; part of run keys."""
    knows_requests: bool
    """Whether a `request` that comes again is done once; else it is done again."""
    address: str
    """Where it is, without passwords."""

    def close(self) -> None:
        """Let go of connections."""
        ...

    def ping(self) -> None:
        """Return if the task queue answers."""
        ...

    # Reading

    def get(self, task_id: int) -> Task:
        """One task."""
        ...

    def details(self, task_id: int) -> TaskDetails:
        """One task with its comments, links, subtasks and dependents."""
        ...

    def find(self, query: TaskQuery) -> list[Task]:
        """Tasks, newest first; with `limit` None in the order of their ids."""
        ...

    def counts(self) -> dict[str, QueueCounts]:
        """Every queue that has an unfinished task."""
        ...

    def open_edges(self) -> list[OpenEdge]:
        """Who waits for whom, among unfinished tasks, sorted by task and blocker."""
        ...

    def arrivals(self, since: dt.datetime) -> dict[str, int]:
        """How many tasks have been added to each queue since then."""
        ...

    def open_tasks(self, queue: str | None) -> list[OpenTask]:
        """Unfinished tasks of a queue, or of all: highest priority first, then oldest."""
        ...

    # The pass

    def from_now(self) -> TaskQueue:
        """The same, which shows nothing that was read before this call.

        For a pass, once it knows which tasks are given out: what was read earlier may show as idle a task
        that was given out and done since.
        """
        ...

    def look(
        self,
        queue: str,
        *,
        demand: Demand,
        policy: Policy,
        requested: Collection[int],
        now: dt.datetime,
        hidden: str | None = None,
    ) -> View:
        """The candidates of one pass.

        Tasks in `requested` have an unfinished run and are left out, and so are those with a path that
        `hidden` matches (`reservations.Hidden.pattern`). Holds at least as many of the first
        placeable tasks of each kind, by `matching.rank`, as `demand` asks for.
        """
        ...

    def waiting(
        self, queue: str, *, policy: Policy, requested: Collection[int], limit: int, now: dt.datetime
    ) -> list[Candidate]:
        """Up to `limit` idle tasks, with their blockers: for the reasons that the dry run gives."""
        ...

    def held_by_runs(self) -> list[Holder]:
        """Tasks that are claimed by our runs, whether these live or not."""
        ...

    # A run

    def claim(self, task_id: int, request: ClaimRequest, now: dt.datetime) -> Task:
        """Take the task for a run: idle becomes working, one attempt is counted, a comment and link are left.

        Of any number of runs that try at once, one gets it. Claiming again for the same run gives the task
        again. Raises NotNeededError when the task is no longer to be had.
        """
        ...

    def settle(
        self,
        task_id: int,
        request: ClaimRequest,
        ending: Ending,
        *,
        detail: str = "",
        result: Any = None,
        wait: dt.timedelta | None = dt.timedelta(0),
        now: dt.datetime,
    ) -> Settled:
        """Tell the task queue how the run on a claimed task ended (see `matching.settle`), with a comment.

        Settling twice changes nothing the second time.
        """
        ...

    # People and agents

    def on_behalf_of(self, held: Held) -> TaskQueue:
        """The same for a run. What it steers is refused with LostTaskError once its task is lost."""
        ...

    def add(self, tasks: Sequence[NewTask], *, request: str | None = None) -> list[int]:
        """Add tasks, all or none, and return their ids in order; of a `request` that was done, those of then.

        Raises BlockerCycleError, UnknownTaskError for a blocker or parent that is not there, and
        NotSupportedError for what this task queue cannot hold.
        """
        ...

    def change(self, task_id: int, changes: TaskChanges, *, author: str) -> None:
        """Change what is given, and leave the rest. Raises NotSupportedError for what cannot be held."""
        ...

    def delete(self, task_id: int) -> None:
        """Remove a task that nobody works on and nothing waits for. Raises SignalboxError otherwise."""
        ...

    def comment(self, task_id: int, content: str, *, author: str, request: str | None = None) -> None:
        """Leave a comment; for a `request` once."""
        ...

    def link(self, task_id: int, url: str, *, description: str, author: str) -> None:
        """Attach a page; the same URL again changes nothing."""
        ...

    def block(self, task_id: int, blocker_id: int, *, author: str) -> None:
        """Let a task wait for another one. Raises BlockerCycleError."""
        ...

    def unblock(self, task_id: int, blocker_id: int | None, *, author: str) -> None:
        """Let a task no longer wait for one task, or for any (None)."""
        ...

    def assign(self, task_id: int, agent: str | None, *, author: str) -> None:
        """Choose the agent, or leave the choice to the pool (None)."""
        ...

    def move(self, task_id: int, queue: str, *, author: str) -> None:
        """Move a task to another queue: idle there, assigned to nobody, its attempts counted anew."""
        ...

    def requeue(self, task_id: int, *, author: str) -> None:
        """Back to idle, with all its attempts before it."""
        ...

    def resume(self, task_id: int, *, author: str) -> None:
        """Back to idle from waiting for a human; nothing for a task that does not."""
        ...

    def complete(self, task_id: int, *, result: Any = None, author: str) -> None:
        """Done, whoever says so."""
        ...

    def fail(self, task_id: int, *, reason: str, author: str) -> None:
        """Given up: to the dead-letter state."""
        ...

    def cancel(self, task_id: int, *, reason: str, author: str) -> None:
        """Not to be done any more. Its dependents stay blocked until they are unblocked."""
        ...

"""Assignments: the reservation of an agent's slot for a task, from the request for a run to the run's end.

They are kept in Postgres whichever task queue is used. That a task has at most one live assignment is a
unique index; so of two passes that want the same task one gets it, also where the task queue itself has no
compare-and-set.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Candidate, Placement, TaskStatus, Verdict
from scheduler_defs.agents.task_queue.models import Holder, Settled
from scheduler_defs.agents.task_queue.wording import AUTHOR
from scheduler_defs.database.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")


class AssignmentEnding(StrEnum):
    """How an assignment ended: the verdicts on the task, and what can happen before it is claimed."""

    COMPLETE = "complete"
    RETRY = "retry"
    GIVE_BACK = "give_back"
    ASK = "ask"
    DEAD_LETTER = "dead_letter"
    CANCEL = "cancel"
    LEAVE = "leave"
    LANDING = "landing"
    """Its work was accepted, and waits for its turn to go onto the base; the task is still the run's."""
    NOT_NEEDED = "not_needed"
    """The run found the task taken, blocked, changed or gone."""
    NEVER_STARTED = "never_started"
    """No run came of the request, or it ended before it could claim the task."""
    WITHDRAWN = "withdrawn"
    """The agent was paused, drained, switched off or passed over before its run could begin."""
    COMPLETE_ASIDE = "complete_aside"
    """The task was completed while the run worked on it: by its agent through the command, or by a person."""
    FAILED_ASIDE = "failed_aside"
    """The same, given up."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One task given to one agent. `run_id` is known once the run has started, or has been looked up."""

    run_key: str
    task_id: int
    queue: str
    agent: str
    attempt: int
    max_attempts: int
    priority: int
    run_id: str | None
    requested_at: dt.datetime
    ready_at: dt.datetime | None = None
    claimed_at: dt.datetime | None = None
    outcome: Mapping[str, Any] | None = None


def lock_pass(connection: sa.Connection) -> None:
    """Let one pass decide at a time, until the transaction ends; wait ten seconds at most."""
    connection.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(statement("lock_pass"))


def live(connection: sa.Connection, backend: str) -> list[Assignment]:
    """All that have not ended, oldest first."""
    return [_of(row) for row in connection.execute(statement("live"), {"backend": backend})]


@dataclass(frozen=True, slots=True)
class Reserving:
    """A task that has paths for itself, in the repositories of its queue."""

    task_id: int
    queue: str
    paths: tuple[str, ...]
    landing: bool


def reserving(connection: sa.Connection, backend: str) -> list[Reserving]:
    """Who has paths. A TinyTask server's tasks have none."""
    if backend != "postgres":
        return []
    rows = connection.execute(statement("reserving"))
    return [Reserving(row.id, row.queue, tuple(row.paths), row.landing) for row in rows]


def recent(
    connection: sa.Connection, backend: str, *, agents: Collection[str], queues: Collection[str], limit: int
) -> list[str]:
    """For which of the queues these agents were given work of late, the newest first; `limit` at most."""
    values = {"backend": backend, "agents": list(agents), "queues": list(queues), "limit": limit}
    return list(connection.execute(statement("recent"), values).scalars())


def reserve(
    connection: sa.Connection,
    backend: str,
    queue: str,
    placements: Sequence[Placement],
    candidates: Collection[Candidate],
) -> list[Assignment]:
    """Assignments for the placements of some candidates, without those whose task has a live one already."""
    if not placements:
        return []
    by_id = {candidate.id: candidate for candidate in candidates}
    wanted = [
        {
            "task_id": placement.task,
            "agent": placement.agent,
            "attempt": placement.attempt,
            "max_attempts": placement.max_attempts,
            "priority": by_id[placement.task].priority,
            "ready_at": (by_id[placement.task].ready or by_id[placement.task].created).isoformat(),
        }
        for placement in placements
    ]
    values = {"backend": backend, "queue": queue, "wanted": json.dumps(wanted)}
    reserved = {row.task_id: _of(row) for row in connection.execute(statement("reserve"), values)}
    return [reserved[placement.task] for placement in placements if placement.task in reserved]


def take(connection: sa.Connection, run_key: str, run_id: str, now: dt.datetime) -> Assignment | None:
    """Note that the run has started. None when it is not the one that this assignment waits for."""
    values = {"run_key": run_key, "run_id": run_id, "now": now}
    row = connection.execute(statement("take"), values).one_or_none()
    return None if row is None else _of(row)


def has_begun(connection: sa.Connection, run_key: str) -> bool | None:
    """Whether a run has begun to answer a live request; None when it is not live."""
    return connection.execute(statement("has_begun"), {"run_key": run_key}).scalar_one_or_none()


def ending_of(settled: Settled) -> AssignmentEnding:
    """How the assignment ends when its run's end has been told to the task queue."""
    if settled.verdict is Verdict.LEAVE and settled.held_last:
        aside = {
            TaskStatus.COMPLETE: AssignmentEnding.COMPLETE_ASIDE,
            TaskStatus.FAILED: AssignmentEnding.FAILED_ASIDE,
        }
        return aside.get(settled.status, AssignmentEnding.LEAVE)
    return AssignmentEnding(settled.verdict.value)


def know_run(connection: sa.Connection, run_key: str, run_id: str) -> None:
    """Note which run was launched for the assignment."""
    connection.execute(statement("know_run"), {"run_key": run_key, "run_id": run_id})


def note_outcome(connection: sa.Connection, run_key: str, outcome: Mapping[str, Any]) -> None:
    """Keep how the run's work ended, so that the task queue can be told later if it is away now."""
    connection.execute(statement("note_outcome"), {"run_key": run_key, "outcome": json.dumps(outcome)})


def withdraw(connection: sa.Connection, requests: Collection[Assignment], now: dt.datetime) -> set[str]:
    """Give back requests that no run has begun; the run keys of those that were. One that begins right now
    finds itself not needed, or has begun before and goes on."""
    if not requests:
        return set()
    values = {"run_keys": [request.run_key for request in requests], "now": now}
    return set(connection.execute(statement("withdraw"), values).scalars())


def end(connection: sa.Connection, run_key: str, ending: AssignmentEnding, now: dt.datetime) -> None:
    """Give the slot free. Ending twice changes nothing."""
    values = {"run_key": run_key, "ending": ending.value, "now": now}
    connection.execute(statement("end"), values)


def of_task(connection: sa.Connection, backend: str, task_id: int) -> list[dict[str, Any]]:
    """All assignments of a task, ended ones too, newest first: `{run_key, agent, attempt, run_id, ...}`."""
    rows = connection.execute(statement("of_task"), {"backend": backend, "task_id": task_id})
    return [dict(row._mapping) for row in rows]


def adopt(
    connection: sa.Connection, backend: str, holder: Holder, max_attempts: int, now: dt.datetime
) -> None:
    """Count a run that works on a task without an assignment."""
    values = {
        "run_key": f"task:{backend}:{holder.task_id}:{holder.attempt}:adopted:{holder.run_id}",
        "backend": backend,
        "task_id": holder.task_id,
        "queue": holder.queue,
        "agent": holder.agent,
        "attempt": holder.attempt,
        "max_attempts": max_attempts,
        "run_id": holder.run_id,
        "now": now,
    }
    connection.execute(statement("adopt"), values)


def note_used_up(
    connection: sa.Connection, backend: str, queue: str, tasks: Sequence[Candidate], now: dt.datetime
) -> None:
    """Remember tasks that are given to nobody any more, because their attempts are used up."""
    used_up = [{"id": task.id, "attempts": task.attempts, "priority": task.priority} for task in tasks]
    values = {"backend": backend, "queue": queue, "tasks": json.dumps(used_up), "author": AUTHOR, "now": now}
    connection.execute(statement("note_used_up"), values)


def forget(connection: sa.Connection, before: dt.datetime) -> int:
    """Drop what ended before then, of tasks with nothing later; how many rows that were."""
    return connection.execute(statement("forget"), {"before": before}).rowcount


def loads(assignments: Collection[Assignment]) -> Mapping[str, int]:
    """How many slots of each agent are taken."""
    counted: dict[str, int] = {}
    for assignment in assignments:
        counted[assignment.agent] = counted.get(assignment.agent, 0) + 1
    return counted


def _of(row: sa.Row[Any]) -> Assignment:
    return Assignment(**row._mapping)

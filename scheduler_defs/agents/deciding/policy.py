"""How a queue orders its tasks: blocking and ageing, and the rank that follows from them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from scheduler_defs.agents.deciding.candidates import Candidate


@dataclass(frozen=True, slots=True)
class Ageing:
    """What waiting is worth: one point of priority per `every`, at most `limit` points.

    A task older than `first_after` goes before all others, oldest first. That is what bounds the wait:
    however many more important tasks keep coming, only finitely many are older.
    """

    every: dt.timedelta = dt.timedelta(minutes=10)
    limit: int = 10
    first_after: dt.timedelta = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """`blocking` off: blockers are ignored, priority alone orders. `ageing` None: priorities never rise."""

    blocking: bool = True
    ageing: Ageing | None = Ageing()


Rank = tuple[bool, dt.datetime, int, int, dt.datetime, int]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def rank(task: Candidate, policy: Policy, now: dt.datetime) -> Rank:
    """Sort key: the smallest goes first. No two tasks are equal, so the order is the same every time.

    1. overdue ones (see Ageing.first_after), oldest first;
    2. those that free the most others, counted through chains (with blocking on);
    3. higher priority, waiting included;
    4. older ones; then the smaller id.
    """
    overdue = is_overdue(task, policy, now)
    return (
        not overdue,
        task.created if overdue else _EPOCH,
        -task.frees if policy.blocking else 0,
        -aged_priority(task, policy, now),
        task.created,
        task.id,
    )


def aged_priority(task: Candidate, policy: Policy, now: dt.datetime) -> int:
    """The task's priority and what its waiting since creation adds to it."""
    if policy.ageing is None:
        return task.priority
    points = max(now - task.created, dt.timedelta(0)) // policy.ageing.every
    return task.priority + min(policy.ageing.limit, points)


def is_overdue(task: Candidate, policy: Policy, now: dt.datetime) -> bool:
    """Whether the task has waited so long that it goes before all younger ones."""
    return policy.ageing is not None and now - task.created >= policy.ageing.first_after

"""How a queue orders its tasks: blocking and ageing, and the rank that follows from them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from scheduler_defs.agents.deciding.matching.candidates import Candidate


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
    """`blocking` off: blockers are ignored, priority alone orders. `ageing` None: priorities never rise.

    A deadline counts from `near` before it on.
    """

    blocking: bool = True
    ageing: Ageing | None = Ageing()
    near: dt.timedelta = dt.timedelta(days=1)


Rank = tuple[bool, dt.datetime, bool, dt.datetime, int, int, int, dt.datetime, int]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def rank(task: Candidate, policy: Policy, now: dt.datetime) -> Rank:
    """Sort key: the smallest goes first. No two tasks are equal, so the order is the same every time.

    1. overdue ones (see Ageing.first_after), oldest first;
    2. those whose deadline is near or past, the nearest first, of equal ones the smaller id;
    3. those that free the most others, counted through chains (with blocking on);
    4. higher priority, waiting included;
    5. older ones; then the smaller id.
    """
    overdue = is_overdue(task, policy, now)
    urgent = None if overdue else near_deadline(task, policy, now)
    return (
        not overdue,
        task.created if overdue else _EPOCH,
        urgent is None,
        urgent or _EPOCH,
        task.id if urgent else 0,
        -task.frees if policy.blocking else 0,
        -aged_priority(task, policy, now),
        task.created,
        task.id,
    )


def rank_words(task: Candidate, policy: Policy, now: dt.datetime) -> tuple[str, ...]:
    """What gives the task its rank, in words, the first counts first: `frees 3`, `priority 5, 7 by waiting`.

    Instants are written in the zone of `now`.
    """
    age = _length(now - task.created)
    if is_overdue(task, policy, now):
        return (f"has waited for {age}: oldest first",)
    urgent = near_deadline(task, policy, now)
    if urgent is not None:
        return (f"{'due' if urgent > now else 'was due'} {instant_text(urgent, now)}",)
    aged = aged_priority(task, policy, now)
    by_waiting = f", {aged} by waiting" if aged != task.priority else ""
    frees = (f"frees {task.frees}",) if policy.blocking and task.frees else ()
    return (*frees, f"priority {task.priority}{by_waiting}", f"added {age} ago")


def instant_text(moment: dt.datetime, now: dt.datetime) -> str:
    """The time of day, with the date unless it is today, in the zone of `now`."""
    local = moment.astimezone(now.tzinfo)
    return local.strftime("%H:%M" if local.date() == now.date() else "%Y-%m-%d %H:%M")


def _length(span: dt.timedelta) -> str:
    minutes = max(0, round(span.total_seconds())) // 60
    if minutes < 1:
        return "less than a minute"
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return " ".join([f"{number}{unit}" for number, unit in parts if number][:2])


def near_deadline(task: Candidate, policy: Policy, now: dt.datetime) -> dt.datetime | None:
    """The task's deadline, once it is near enough to count."""
    return task.deadline if task.deadline is not None and task.deadline - now <= policy.near else None


def aged_priority(task: Candidate, policy: Policy, now: dt.datetime) -> int:
    """The task's priority and what its waiting since creation adds to it."""
    if policy.ageing is None:
        return task.priority
    points = max(now - task.created, dt.timedelta(0)) // policy.ageing.every
    return task.priority + min(policy.ageing.limit, points)


def is_overdue(task: Candidate, policy: Policy, now: dt.datetime) -> bool:
    """Whether the task has waited so long that it goes before all younger ones."""
    return policy.ageing is not None and now - task.created >= policy.ageing.first_after

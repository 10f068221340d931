"""Rows of the `signalbox` schema as models."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from resources.task_queue.models import OpenTask, QueueCounts, Task
from scheduler_defs.matching import Blocker, Candidate, TaskStatus


def task_of(row: sa.Row[Any]) -> Task:
    """A row of the statement `tasks`."""
    return Task(
        id=row.id,
        title=row.title,
        queue=row.queue,
        status=TaskStatus(row.status),
        created=row.created_at,
        updated=row.updated_at,
        created_by=row.created_by,
        description=row.description,
        assigned_to=row.assigned_to,
        agent=row.agent,
        run_id=row.run_id,
        priority=row.priority,
        tags=tuple(row.tags),
        capabilities=tuple(row.capabilities),
        payload=row.payload,
        recipe=row.recipe,
        parent_id=row.parent_id,
        blocked_by=tuple(row.blocked_by),
        not_before=row.not_before,
        deadline=row.deadline,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        result=row.result,
        claimed=row.claimed_at,
        finished=row.finished_at,
    )


def candidate_of(row: sa.Row[Any]) -> Candidate:
    """A row of the statements `window` and `window_unblocked`: it waits for nothing but a slot."""
    return Candidate(
        id=row.id,
        created=row.created_at,
        priority=row.priority,
        assigned_to=row.assigned_to,
        capabilities=tuple(row.capabilities),
        frees=row.frees,
        ready=row.ready_at,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        last_agent=row.agent,
    )


def waiting_of(row: sa.Row[Any], requested: bool) -> Candidate:
    """A row of the statement `waiting`."""
    blockers = tuple(Blocker(id, state) for id, state in row.blockers or ())
    return Candidate(
        id=row.id,
        created=row.created_at,
        priority=row.priority,
        assigned_to=row.assigned_to,
        capabilities=tuple(row.capabilities),
        frees=row.frees,
        not_before=row.not_before,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        last_agent=row.agent,
        blocked=bool(blockers),
        blockers=blockers,
        requested_for=row.agent or "an agent" if requested else None,
    )


def open_task_of(row: sa.Row[Any]) -> OpenTask:
    """A row of the statement `open_tasks`."""
    return OpenTask(
        id=row.id,
        title=row.title,
        description=row.description,
        status=TaskStatus(row.status),
        agent=row.agent if row.status == TaskStatus.WORKING else row.assigned_to,
        queue=row.queue,
        created_by=row.created_by,
        priority=row.priority,
        tags=tuple(row.tags),
        created=row.created_at,
        updated=row.updated_at,
        comments=row.comments,
        links=row.links,
    )


def counts_of(row: sa.Row[Any]) -> QueueCounts:
    """A row of the statement `counts`."""
    return QueueCounts(row.ready, row.blocked, row.held, row.working, row.failed, row.oldest)

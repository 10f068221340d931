"""Rows of the `signalbox` schema as models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Blocker, Candidate, TaskStatus
from scheduler_defs.agents.task_queue.models import OpenTask, QueueCounts, Task

_STATUSES = {status.value: status for status in TaskStatus}


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
        paths=tuple(row.paths),
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
    return _candidate(row, ready=row.ready_at)


def waiting_of(
    row: sa.Row[Any], requested: bool, roots: Mapping[tuple[int, int], str] = MappingProxyType({})
) -> Candidate:
    """A row of the statement `waiting`; `roots` say of blockers that they will never start by themselves."""
    blockers = tuple(
        Blocker(id, f"{state}, which {roots[row.id, id]}" if (row.id, id) in roots else state)
        for id, state in row.blockers or ()
    )
    return _candidate(
        row,
        not_before=row.not_before,
        blocked=bool(blockers),
        blockers=blockers,
        requested_for=row.agent or "an agent" if requested else None,
    )


def _candidate(row: sa.Row[Any], **more: Any) -> Candidate:
    """What the statements of waiting tasks have in common, and what one of them has besides."""
    return Candidate(
        id=row.id,
        created=row.created_at,
        priority=row.priority,
        assigned_to=row.assigned_to,
        capabilities=tuple(row.capabilities),
        paths=tuple(row.paths),
        deadline=row.deadline,
        frees=row.frees,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        last_agent=row.agent,
        **more,
    )


def open_tasks_of(rows: Iterable[sa.Row[Any]]) -> list[OpenTask]:
    """The rows of the statement `open_tasks`: taken apart by position, because there are thousands."""
    return [
        OpenTask(
            id=id,
            title=title,
            description=description,
            status=_STATUSES[status],
            agent=agent if status == "working" else assigned_to,
            queue=queue,
            created_by=created_by,
            priority=priority,
            tags=tuple(tags),
            created=created,
            updated=updated,
            comments=comments,
            links=links,
        )
        for (
            id,
            title,
            description,
            status,
            assigned_to,
            agent,
            queue,
            created_by,
            priority,
            tags,
            created,
            updated,
            comments,
            links,
        ) in rows
    ]


def counts_of(row: sa.Row[Any]) -> QueueCounts:
    """A row of the statement `counts`."""
    return QueueCounts(row.ready, row.blocked, row.held, row.working, row.failed, row.oldest, row.waiting)

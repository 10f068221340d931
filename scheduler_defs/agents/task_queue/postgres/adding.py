"""Many tasks at once into Postgres, through COPY."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.deciding.matching.graph import Edge, cycles
from scheduler_defs.agents.task_queue.new_task import ImportedTask, NewTask, Reference
from scheduler_defs.agents.task_queue.postgres.statements import statement
from scheduler_defs.agents.task_queue.protocol import BlockerCycleError, UnknownTaskError
from scheduler_defs.errors import SignalboxError

_LARGE = 5_000
_FINAL = (TaskStatus.COMPLETE, TaskStatus.FAILED, TaskStatus.CANCELED)


def add(connection: sa.Connection, tasks: Sequence[NewTask], now: dt.datetime) -> list[int]:
    """Write the tasks with their blockers and comments. Raises as `TaskQueue.add` says.

    A ring can only be among the new tasks: nothing that exists waits for them yet.
    """
    ids = list(connection.execute(statement("reserve_ids"), {"count": len(tasks)}).scalars())
    known = _keys(tasks, ids)
    outside: set[int] = set()
    parents = [_resolve(task, task.parent, known, outside) for task in tasks]
    edges = [
        (id, blocker)
        for id, task in zip(ids, tasks, strict=True)
        for blocker in dict.fromkeys(
            _resolve(task, reference, known, outside) for reference in task.blocked_by
        )
        if blocker is not None
    ]
    _refuse_rings(edges, ids, tasks)
    if outside:
        connection.execute(statement("lock_graph"))
        found = set(connection.execute(statement("share_tasks"), {"ids": sorted(outside)}).scalars())
        if missing := sorted(outside - found):
            raise UnknownTaskError(f"no task {', '.join(map(str, missing))}")
    rows = (_task_row(id, task, parent, now) for id, task, parent in zip(ids, tasks, parents, strict=True))
    _copy(connection, "copy_tasks", rows)
    if edges:
        _copy(connection, "copy_blockers", edges)
    comments = [
        (id, comment.content, comment.created_by, comment.created or now)
        for id, task in zip(ids, tasks, strict=True)
        if isinstance(task, ImportedTask)
        for comment in task.comments
    ]
    if comments:
        _copy(connection, "copy_comments", comments)
    if len(tasks) >= _LARGE:
        connection.execute(statement("analyze"))
    return ids


def _keys(tasks: Sequence[NewTask], ids: Sequence[int]) -> dict[Reference, int]:
    known: dict[Reference, int] = {}
    for task, id in zip(tasks, ids, strict=True):
        if task.key is None:
            continue
        if task.key in known:
            raise SignalboxError(f"{task.title!r}: a second task with the key {task.key!r}")
        known[task.key] = id
    return known


def _resolve(
    task: NewTask, reference: Reference | None, known: Mapping[Reference, int], outside: set[int]
) -> int | None:
    """The id meant: first a task of the batch by its key, then one that exists (noted in `outside`)."""
    if reference is None:
        return None
    for spelling in (reference, str(reference)):
        if spelling in known:
            return known[spelling]
    if not str(reference).isdecimal():
        raise UnknownTaskError(f"{task.title!r}: no task with the key {reference!r} is being added")
    number = int(reference)
    if number in known:
        return known[number]
    if not 0 < number < 2**63:
        raise UnknownTaskError(f"no task {number}")
    outside.add(number)
    return number


def _refuse_rings(edges: Sequence[Edge], ids: Sequence[int], tasks: Sequence[NewTask]) -> None:
    rings = cycles(edges)
    if rings:
        # These ids will never exist: name the tasks as the caller does.
        key_of = {id: task.key for id, task in zip(ids, tasks, strict=True)}
        ring = " -> ".join(str(key_of[id]) for id in rings[0])
        raise BlockerCycleError(f"the blockers form a cycle: {ring}")


def _task_row(id: int, task: NewTask, parent: int | None, now: dt.datetime) -> tuple[Any, ...]:
    imported = task if isinstance(task, ImportedTask) else None
    status = imported.status if imported else TaskStatus.IDLE
    if status is TaskStatus.WORKING:
        status = TaskStatus.IDLE
    finished = (imported.finished if imported else None) or now
    return (
        id,
        task.title,
        task.description,
        task.queue,
        task.assigned_to,
        status.value,
        task.priority,
        task.tags,
        task.capabilities,
        task.paths,
        task.payload,
        task.recipe,
        parent,
        task.not_before,
        task.deadline,
        imported.attempts if imported and status is not TaskStatus.IDLE else 0,
        task.max_attempts,
        _Json(imported.result) if imported and imported.result is not None else None,
        task.created_by,
        (imported.created if imported else None) or now,
        now,
        finished if status in _FINAL else None,
    )


class _Json:
    """A value to be written as JSON, whatever it is."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _copy(connection: sa.Connection, name: str, rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    for row in rows:
        text.write("\t".join(map(_field, row)))
        text.write("\n")
    text.seek(0)
    cursor = connection.connection.cursor()
    try:
        cursor.copy_expert(statement.raw(name), text)  # pyright: ignore[reportAttributeAccessIssue]
    finally:
        cursor.close()


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _field(value: Any) -> str:
    match value:
        case None:
            return "\\N"
        case int():
            return str(value)
        case dt.datetime():
            return value.isoformat()
        case dict() | _Json():
            plain = value.value if isinstance(value, _Json) else value
            return json.dumps(plain, ensure_ascii=False).translate(_ESCAPES)
        case tuple():
            quoted = ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in value)
            return f"{{{quoted}}}".translate(_ESCAPES)
    return str(value).translate(_ESCAPES)

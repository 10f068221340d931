"""Tasks into a TinyTask server, one request each: it takes no batches, and has no transactions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.new_task import ImportedTask, NewTask, Reference
from scheduler_defs.agents.task_queue.protocol import BlockerCycleError, NotSupportedError, UnknownTaskError
from scheduler_defs.agents.task_queue.tinytask.claims import fetch
from scheduler_defs.agents.task_queue.tinytask.client import TinyTaskClient
from scheduler_defs.agents.task_queue.tinytask.row import extra_tags, mark_tags
from scheduler_defs.errors import SignalboxError


def add(client: TinyTaskClient, tasks: Sequence[NewTask]) -> list[int]:
    """As `TaskQueue.add`.

    Blockers are written before their dependents, so that no task is ever free too early. When one is
    refused, those written before it are deleted again.
    """
    for task in tasks:
        _refuse_unsupported(task)
    keys: dict[Reference, int] = {
        spelling: place
        for place, task in enumerate(tasks)
        if task.key is not None
        for spelling in (task.key, str(task.key))
    }
    ids: dict[int, int] = {}
    known: dict[Reference, int] = {}
    try:
        for place in _blockers_first(tasks, keys):
            ids[place] = _create(client, tasks[place], known)
            if (key := tasks[place].key) is not None:
                known |= {key: ids[place], str(key): ids[place]}
    except SignalboxError:
        for id in reversed(ids.values()):
            client.delete(f"tasks/{id}")
        raise
    return [ids[place] for place in range(len(tasks))]


def _refuse_unsupported(task: NewTask) -> None:
    unsupported = {
        "a payload": bool(task.payload),
        "paths": bool(task.paths),
        "a deadline": task.deadline is not None,
        "more than one blocker": len(task.blocked_by) > 1,
    }
    for name, given in unsupported.items():
        if given:
            raise NotSupportedError(f"{task.title!r}: TinyTask cannot hold {name}")


def _blockers_first(tasks: Sequence[NewTask], keys: Mapping[Reference, int]) -> list[int]:
    """Places of the tasks in an order in which no task comes before one that it names."""
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for place, task in enumerate(tasks):
        named = [reference for reference in (task.parent, *task.blocked_by) if reference is not None]
        sorter.add(place, *(keys[reference] for reference in named if reference in keys))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        # graphlib lists each task after the one that waits for it.
        ring = [tasks[place].key for place in reversed(error.args[1])]
        raise BlockerCycleError("the blockers form a cycle: " + " -> ".join(map(str, ring))) from None


def _create(client: TinyTaskClient, task: NewTask, known: Mapping[Reference, int]) -> int:
    marks = {"max-attempts": str(task.max_attempts)} if task.max_attempts else {}
    if task.not_before is not None:
        marks["not-before"] = task.not_before.astimezone(dt.UTC).isoformat()
    document: dict[str, object] = {
        "title": task.title,
        "created_by": task.created_by,
        "description": task.description,
        "queue_name": task.queue,
        "assigned_to": task.assigned_to,
        "priority": task.priority,
        "tags": [*task.tags, *extra_tags(task.capabilities, task.recipe), *mark_tags(marks)],
    }
    if task.parent is not None:
        document["parent_task_id"] = _existing(client, task.parent, known)
    if task.blocked_by:
        document["blocked_by_task_id"] = _existing(client, task.blocked_by[0], known)
    created = int(client.post("tasks", document)["id"])
    if isinstance(task, ImportedTask):
        _finish_import(client, created, task)
    return created


def _existing(client: TinyTaskClient, reference: Reference, known: Mapping[Reference, int]) -> int:
    for spelling in (reference, str(reference)):
        if spelling in known:
            return known[spelling]
    if not str(reference).isdecimal():
        raise UnknownTaskError(f"no task with the key {reference!r} is being added")
    return fetch(client, int(reference)).task.id


def _finish_import(client: TinyTaskClient, id: int, task: ImportedTask) -> None:
    for comment in task.comments:
        client.post(f"tasks/{id}/comments", {"content": comment.content, "created_by": comment.created_by})
    if task.result is not None:
        content = f"result: {json.dumps(task.result, ensure_ascii=False)}"
        client.post(f"tasks/{id}/comments", {"content": content, "created_by": task.created_by})
    match task.status:
        case TaskStatus.COMPLETE:
            client.patch(f"tasks/{id}", {"status": "complete"})
        case TaskStatus.FAILED | TaskStatus.CANCELED:
            tags = [*fetch(client, id).plain_tags, *mark_tags({task.status.value: ""})]
            client.patch(f"tasks/{id}", {"tags": tags})
        case TaskStatus.IDLE | TaskStatus.WORKING:
            pass

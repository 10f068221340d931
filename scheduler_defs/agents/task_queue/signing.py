"""What the audit says of those who steer tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.audit.entries import Action, Entry, acting, on_behalf_of


def entry_of_deed(
    task_id: int, deed: str, author: str | None, after: Mapping[str, Any] | None = None
) -> Entry:
    """The entry for a deed on a task. `author`: who is named, where no door says who acts."""
    who = acting() if author is None else on_behalf_of(author)
    return Entry(f"{Action.TASK_STEERED}.{deed}", f"task:{task_id}", after=after, acting=who)


def entry_of_ending(task_id: int, status: TaskStatus, words: str, result: Any, author: str) -> Entry:
    """The entry for a task that somebody has ended."""
    after = {"status": status.value, "said": words, "result": result}
    return entry_of_deed(
        task_id, "ended", author, {name: value for name, value in after.items() if value is not None}
    )


def entries_of_adding(tasks: Sequence[NewTask], ids: Sequence[int]) -> Iterator[Entry]:
    """One entry for each queue that tasks are added to, whatever their number."""
    of_queue: dict[str, list[tuple[int, NewTask]]] = {}
    for task_id, task in zip(ids, tasks, strict=True):
        of_queue.setdefault(task.queue, []).append((task_id, task))
    for queue, found in of_queue.items():
        numbers = [task_id for task_id, _ in found]
        after = {"tasks": len(found), "first": min(numbers), "last": max(numbers)}
        who = on_behalf_of(found[0][1].created_by)
        yield Entry(f"{Action.TASK_STEERED}.added", f"queue:{queue}", after=after, acting=who)

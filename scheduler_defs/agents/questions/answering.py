"""Answer what an agent has asked about a task: the task goes on with the answer."""

from __future__ import annotations

import sqlalchemy as sa

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.task_queue.cleaning import clean_text
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.errors import SignalboxError


def answer(engine: sa.Engine, task_queue: TaskQueue, task_id: int, text: str, *, by: str) -> None:
    """Answer the newest open question about a task, and put the task back to idle.

    Doing it again after a crash in between finishes it. Raises UnknownTaskError, and SignalboxError when
    nothing is asked.
    """
    task = task_queue.get(task_id)
    subject = inbox.task_subject(task_queue.backend, task_id)
    said = clean_text(text).strip()
    if not said:
        raise SignalboxError("the answer is empty")
    with engine.begin() as connection:
        asked = inbox.of_subject(connection, subject)
        newest = asked[-1] if asked else None
        if newest is None or (newest.closed_at is not None and task.status is not TaskStatus.WAITING):
            raise SignalboxError(f"nothing is asked about task {task_id}: it is {task.status}")
        answered = newest.closed_at is None and inbox.answer(connection, newest.id, said, by=by)
    if answered:
        task_queue.comment(task_id, f"{newest.asked_by} asked: {newest.body}\nThe answer: {said}", author=by)
    task_queue.resume(task_id, author=by)

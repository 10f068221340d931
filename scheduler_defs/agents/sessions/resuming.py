"""Go on with a session: the task goes back to the queue, for the same agent, with what it is to be told."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.questions.answering import answer
from scheduler_defs.agents.sessions.registry import Session
from scheduler_defs.agents.task_queue.cleaning import clean_text
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.errors import SignalboxError


def refusal(task_queue: TaskQueue, session: Session, agent: Agent | None) -> str | None:
    """Why nobody can go on with it; None when its agent can."""
    if session.backend != task_queue.backend:
        return f"it belongs to a task of {session.backend}, and {task_queue.backend} is declared"
    if agent is None:
        return f"its agent {session.agent} is not declared any more"
    if not agent.resume:
        return f'its agent {session.agent} has no resume: [PROGRAM, .., "{{session.id}}", "{{answer.text}}"]'
    task = task_queue.get(session.task_id)
    if task.status is TaskStatus.WORKING:
        return f"its task {task.id} is worked on by run {task.run_id}"
    return None


def resume(
    engine: sa.Engine, task_queue: TaskQueue, session: Session, agent: Agent | None, text: str, *, by: str
) -> None:
    """The next run of the task is this agent's, and goes on in this session with the text.

    Raises UnknownTaskError, and SignalboxError with the reason when nobody can go on.
    """
    if (why := refusal(task_queue, session, agent)) is not None:
        raise SignalboxError(f"session {session.id}: {why}")
    said = clean_text(text).strip()
    if not said:
        raise SignalboxError("the text is empty")
    if task_queue.get(session.task_id).status is TaskStatus.WAITING:
        answer(engine, task_queue, session.task_id, said, by=by)
        return
    subject = inbox.task_subject(task_queue.backend, session.task_id)
    with engine.begin() as connection:
        inbox.ask(
            connection,
            subject,
            "What next?",
            key=f"resume:{session.id}:{uuid.uuid4()}",
            asked_by=session.agent,
            details={"session": session.id, "cli": session.cli, "run_id": session.run_id},
        )
        inbox.answer(connection, inbox.of_subject(connection, subject)[-1].id, said, by=by)
    task_queue.comment(session.task_id, f"{session.agent} is to go on: {said}", author=by)
    task_queue.assign(session.task_id, session.agent, author=by)
    task_queue.requeue(session.task_id, author=by)

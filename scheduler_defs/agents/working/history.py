"""What happened to a task before this run: its comments, the earlier attempts, what was asked and answered.

It is part of the task's file: the next attempt knows why the last one failed, and what people have said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.landing import landings
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.questions.inbox import Question
from scheduler_defs.agents.task_queue.models import Comment, TaskDetails

MOST_COMMENTS = 50
MOST_ATTEMPTS = 10
GO_ON = "Go on."
"""What is said in a session that was cut off."""
_SAID_ITSELF = "signalbox"


@dataclass(frozen=True, slots=True)
class History:
    """The task's past, oldest first."""

    comments: Sequence[Comment] = ()
    attempts: Sequence[Mapping[str, Any]] = ()
    questions: Sequence[Question] = ()
    rejections: Sequence[str] = ()
    """What has been said of the work so far: checks that failed, landings that were refused."""
    session: str | None = None
    """The session in which the rejected work was done, if the same agent goes on."""
    refused: str | None = None
    """The session in which this agent was cut off, if that was the last thing: by its provider, a budget."""
    waited_for: Sequence[int] = ()
    """Tasks that had to be done before."""

    def document(self) -> dict[str, Any]:
        """For the task's file."""
        return {
            "comments": [
                {"content": each.content, "created_by": each.created_by, "created": each.created}
                for each in self.comments
                if each.created_by != _SAID_ITSELF
            ],
            "earlier_attempts": [dict(each) for each in self.attempts],
            "questions": [
                {"question": each.body, "answer": each.answer, "answered_by": each.answered_by}
                for each in self.questions
            ],
            "rejections": list(self.rejections),
        }

    @property
    def answer(self) -> str:
        """The newest answer; empty when there is none."""
        return (self.questions[-1].answer or "") if self.questions else ""

    def goes_on(self, agent: str) -> tuple[str, str] | None:
        """(session, what is said in it) when this agent is to go on where it was; None: it begins anew."""
        if self.rejections and self.session is not None:
            return self.session, self.rejections[-1]
        if (session := self.session_of(agent)) is not None:
            return session, self.answer
        return None if self.refused is None else (self.refused, GO_ON)

    def after(self, rejection: str, session: str | None) -> History:
        """The same with the work rejected once more."""
        return replace(self, rejections=(*self.rejections, rejection), session=session)

    def session_of(self, agent: str) -> str | None:
        """The session in which this agent asked the newest question, if that was answered."""
        newest = self.questions[-1] if self.questions else None
        if newest is None or newest.answer is None or newest.asked_by != agent:
            return None
        session = newest.details.get("session")
        return session if isinstance(session, str) else None


def of_task(
    connection: sa.Connection, backend: str, details: TaskDetails, run_key: str, agent: str
) -> History:
    """What is known of a task apart from the run with this key. `agent`: who works on it now."""
    task_id, comments = details.task.id, details.comments
    runs = assignments.of_task(connection, backend, task_id)
    earlier = [
        {
            "attempt": run["attempt"],
            "agent": run["agent"],
            "ended": run["ended_at"],
            "ending": run["ending"],
            "detail": (run["outcome"] or {}).get("detail"),
        }
        for run in reversed(runs)
        if run["run_key"] != run_key and run["claimed_at"] is not None
    ]
    asked = inbox.of_subject(connection, inbox.task_subject(backend, task_id))
    refused = landings.refusals(connection, backend, task_id)
    before = next((run for run in runs if run["run_key"] != run_key and run["outcome"] is not None), None)
    cut = (Ending.RATE_LIMITED, Ending.BUDGET, Ending.IDLE)
    limited = before is not None and before["outcome"].get("ending") in cut
    return History(
        tuple(comments[-MOST_COMMENTS:]),
        tuple(earlier[-MOST_ATTEMPTS:]),
        tuple(asked),
        tuple(each.said for each in refused),
        _session(before, agent) if refused and before and before["run_id"] == refused[-1].run_id else None,
        _session(before, agent) if limited else None,
        details.waited_for,
    )


def _session(run: Mapping[str, Any] | None, agent: str) -> str | None:
    """The session in which this agent worked in an earlier run."""
    found = (run["outcome"] or {}).get("session") if run is not None and run["agent"] == agent else None
    return found if isinstance(found, str) else None

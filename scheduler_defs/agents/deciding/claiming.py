"""Whether a run may still have the task that it was requested for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler_defs.agents.deciding.matching.candidates import Blocker
from scheduler_defs.agents.deciding.matching.policy import instant_text
from scheduler_defs.agents.deciding.settling import TaskStatus


@dataclass(frozen=True, slots=True)
class TaskNow:
    """The task as the run finds it when it starts."""

    status: TaskStatus
    queue: str
    assigned_to: str | None
    capabilities: tuple[str, ...]
    not_before: dt.datetime | None
    attempts: int
    held_by: str | None
    """The run that works on it."""
    blockers: Sequence[Blocker] = ()
    """Unfinished ones only."""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What a run asks for: this task of this queue, for this agent. `link` is the run's page, if any."""

    run_id: str
    agent: str
    queue: str
    max_attempts: int
    capabilities: frozenset[str] = frozenset()
    blocking: bool = True
    link: str | None = None


def refusal(task: TaskNow, request: ClaimRequest, now: dt.datetime) -> str | None:
    """Why the run is not needed any more; None when it may claim the task."""
    if task.archived:
        return "it is archived"
    if task.status is TaskStatus.WORKING:
        return f"run {task.held_by} works on it" if task.held_by else "somebody works on it"
    if task.status is not TaskStatus.IDLE:
        return f"it is {task.status}"
    if task.queue != request.queue:
        return f"it has moved to queue {task.queue}"
    if task.assigned_to not in (None, request.agent):
        return f"it is assigned to {task.assigned_to}"
    missing = sorted(frozenset(task.capabilities) - request.capabilities)
    if missing:
        return f"it needs {', '.join(missing)}"
    if request.blocking and task.blockers:
        return "it is blocked by " + ", ".join(f"{b.id} ({b.state})" for b in task.blockers)
    if task.not_before is not None and task.not_before > now:
        return f"it is not to start before {instant_text(task.not_before, now)}"
    if task.attempts >= request.max_attempts:
        return f"its attempts are used up ({task.attempts}/{request.max_attempts})"
    return None

"""What tests ask of a task queue, with everything that does not matter left out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.agents.deciding import Candidate, Policy
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.task_queue.models import QueueCounts
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.protocol import TaskQueue

MANY = 10_000


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def add(to: TaskQueue, title: str = "a task", /, **fields: Any) -> int:
    fields.setdefault("queue", "dev")
    return to.add([NewTask(title=title, **fields)])[0]


def request(run: str = "run-1", agent: str = "vaela", **fields: Any) -> ClaimRequest:
    fields.setdefault("queue", "dev")
    fields.setdefault("max_attempts", 3)
    return ClaimRequest(run_id=run, agent=agent, **fields)


def candidates(
    queue: TaskQueue, *, most: int = MANY, policy: Policy | None = None, requested: tuple[int, ...] = ()
) -> dict[int, Candidate]:
    """What a pass could place (blocked ones left out), by id."""
    view = queue.look(
        "dev", demand=lambda kind: most, policy=policy or Policy(), requested=requested, now=now()
    )
    return {
        c.id: c for c in view.candidates if not c.blocked and (c.not_before is None or c.not_before <= now())
    }


def counts(queue: TaskQueue, name: str = "dev") -> QueueCounts:
    return queue.counts().get(name, QueueCounts())


def comments(queue: TaskQueue, id: int) -> list[str]:
    return [comment.content for comment in queue.details(id).comments]

"""What is next and why: the tasks in their order, and what each agent gets."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.acting.agent_queues.queues import estimate_object
from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.pool.flow import estimates
from scheduler_defs.agents.pool.runs import Runs
from scheduler_defs.agents.pool.upcoming import upcoming
from scheduler_defs.agents.task_queue.models import Task, TaskQuery
from scheduler_defs.errors import NotThereError

SHOWN = 20
"""Tasks of each queue."""


def upcoming_objects(
    place: Place,
    *,
    runs: Runs | None,
    now: dt.datetime,
    queue: str | None = None,
    agent: str | None = None,
    limit: int = SHOWN,
) -> dict[str, Any]:
    """`{tasks, agents}`: the first `limit` tasks of each queue as matching orders them, with what gives each
    its rank, who gets it or why it waits, and how long such tasks take; and what each agent gets.

    `now` decides in which zone instants in texts are written. Raises UnknownAgentError, NotThereError.
    """
    served = place.declarations.served_queues
    if queue is not None and queue not in served:
        raise NotThereError(f"no agent serves {queue!r}; served are {', '.join(served) or 'none'}")
    wanted = place.agent(agent).queues if agent is not None else served
    names = [name for name in served if name in wanted and queue in (None, name)]
    found = upcoming(place.engine, place.task_queue, place.declarations, names, runs=runs, now=now)
    shown = [each for name in names for each in [row for row in found.tasks if row.queue == name][:limit]]
    agents = [each for each in found.agents if agent in (None, each.agent)]
    ids = {each.task.id for each in shown} | {each.then.id for each in agents if each.then is not None}
    known = (
        {task.id: task for task in place.task_queue.find(TaskQuery(ids=tuple(ids), limit=None))}
        if ids
        else {}
    )
    with transaction(place.engine) as connection:
        learned = estimates(connection, names)

    def takes(task_id: int, queue: str, who: str | None) -> dict[str, Any] | None:
        task = known.get(task_id)
        return estimate_object(learned.of(queue, agent=who or "", tags=task.tags if task else ()))

    return {
        "tasks": [
            {
                "task": each.task.id,
                "title": _title(known.get(each.task.id)),
                "queue": each.queue,
                "agent": each.agent,
                "because": list(each.because),
                "waits": each.waits,
                "takes": takes(each.task.id, each.queue, each.agent or each.task.assigned_to),
            }
            for each in shown
        ],
        "agents": [
            {
                "agent": each.agent,
                "state": each.state,
                "now": list(each.now),
                "then": None if each.then is None else each.then.id,
                "title": None if each.then is None else _title(known.get(each.then.id)),
                "queue": each.queue,
                "because": list(each.because),
                "takes": None
                if each.then is None or each.queue is None
                else takes(each.then.id, each.queue, each.agent),
            }
            for each in agents
        ],
    }


def _title(task: Task | None) -> str:
    return task.title if task is not None else ""

"""Which task a busy agent gets once a slot of it is free: matching's answer to that question. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import replace

from scheduler_defs.agents.deciding.matching.candidates import Candidate
from scheduler_defs.agents.deciding.matching.match import QueueTasks, match_together
from scheduler_defs.agents.deciding.matching.shares import Shares


def next_for(
    agent: str, queues: Mapping[str, QueueTasks], *, now: dt.datetime, shares: Collection[Shares] = ()
) -> tuple[str, Candidate] | None:
    """The queue and the task; None while it takes no work, or nothing is to be done.

    As if it were alone, with one slot more than are taken: other agents may be free sooner, and take it.
    """
    own = {
        name: replace(
            queue,
            tasks=tuple(queue.tasks),
            agents=[replace(each, limit=each.active + 1) for each in queue.agents if each.name == agent],
        )
        for name, queue in queues.items()
    }
    own = {name: queue for name, queue in own.items() if queue.agents}
    for name, decided in match_together(own, now=now, shares=shares).items():
        for placement in decided.placed:
            return name, next(task for task in own[name].tasks if task.id == placement.task)
    return None

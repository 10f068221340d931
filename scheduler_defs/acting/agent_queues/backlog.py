"""The agent queues' part of the forecast: when what waits is worked on, and by when it is done."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.acting.agent_queues.queues import estimate_object
from scheduler_defs.acting.place import Place
from scheduler_defs.agents.pool.backlog import played


def backlog_objects(
    place: Place, *, now: dt.datetime, until: dt.datetime, assumed: dt.timedelta, zone: dt.tzinfo | None
) -> dict[str, Any]:
    """`{queues, tasks}`: each queue's waiting tasks and by when they are done (None: not by `until`); each
    task that is worked on, with what its end is learned from (None: assumed)."""
    found = played(place.engine, place.task_queue, place.declarations, now=now, until=until, assumed=assumed)

    def iso(moment: dt.datetime) -> str:
        return moment.astimezone(zone).replace(microsecond=0).isoformat()

    queues: list[dict[str, Any]] = []
    for name in found.queues:
        own = [each for each in found.expected if each.queue == name]
        waiting = found.waiting[name]
        begun = sum(not each.already for each in own)
        ends = [each.end for each in own]
        done = bool(ends) and begun == waiting and max(ends) <= until
        queues.append(
            {
                "queue": name,
                "waiting": waiting,
                "working": len(own) - begun,
                "unstarted": waiting - begun,
                "done_by": iso(max(ends)) if done else None,
            }
        )
    tasks = [
        {
            "task": each.task,
            "title": found.tasks[each.task].title if each.task in found.tasks else "",
            "queue": each.queue,
            "agent": each.agent,
            "start": iso(each.start),
            "end": iso(each.end),
            "takes": estimate_object(found.estimates.get(each.task)),
        }
        for each in found.expected
    ]
    return {"queues": queues, "tasks": tasks}

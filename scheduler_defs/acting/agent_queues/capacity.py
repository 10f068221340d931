"""How many slots each queue needs: what arrived and how long it took, and the waits to expect."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.deciding.capacity import advise
from scheduler_defs.agents.pool.flow import Flow, flows


def capacity_objects(place: Place, span: dt.timedelta) -> list[dict[str, Any]]:
    """Of each queue that is served or has had tasks in the last `span`: slots, arrivals, advice."""
    since = dt.datetime.now(dt.UTC) - span
    arrivals = place.task_queue.arrivals(since)
    with transaction(place.engine) as connection:
        measured = flows(connection, since)
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys([*place.declarations.served_queues, *arrivals, *measured]):
        agents = [a for a in place.declarations.agents.values() if name in a.queues and a.enabled]
        slots = sum(agent.limit for agent in agents)
        flow = measured.get(name, Flow())
        # A task that is tried several times keeps a slot for all of its attempts.
        attempts = flow.runs / flow.completed if flow.completed else 1.0
        seconds = (flow.run_seconds or 0.0) * attempts
        per_hour = arrivals.get(name, 0) / (span / dt.timedelta(hours=1))
        rows.append(
            {
                "queue": name,
                "slots": slots,
                "arrivals_per_hour": round(per_hour, 3),
                "run_seconds": round(seconds, 3),
                **asdict(advise(per_hour, seconds, slots)),
            }
        )
    return rows

"""The agent queues: depth, age, throughput, and the quota pools that their agents draw on."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.deciding.estimates import Estimate
from scheduler_defs.agents.deciding.quotas import PoolState, view
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool.flow import HOUR, Flow, estimates, flows
from scheduler_defs.agents.pool.views import quota_of
from scheduler_defs.agents.quotas.store import Pool, pools
from scheduler_defs.agents.quotas.store import states as pool_states
from scheduler_defs.agents.task_queue.models import QueueCounts


def queue_objects(place: Place) -> list[dict[str, Any]]:
    """Every queue that is served or has tasks; throughput and waits are of the last hour.

    `takes`: how long its tasks usually take; `done_in_seconds`: all that waits, with all slots at it.
    """
    now = dt.datetime.now(dt.UTC)
    counted = place.task_queue.counts()
    with transaction(place.engine) as connection:
        measured = flows(connection, now - HOUR)
        learned = estimates(connection, list(dict.fromkeys([*place.declarations.served_queues, *counted])))
        loads = assignments.loads(assignments.live(connection, place.task_queue.backend))
    served = place.declarations.served_queues
    going = [name for name, n in counted.items() if n.idle or n.working or n.failed]
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys([*served, *going]):
        numbers, flow = counted.get(name, QueueCounts()), measured.get(name, Flow())
        agents = [agent for agent in place.declarations.agents.values() if name in agent.queues]
        usual = learned.of(name)
        slots = sum(agent.limit for agent in agents if agent.enabled)
        oldest = (now - numbers.oldest).total_seconds() if numbers.oldest else None
        rows.append(
            {
                "queue": name,
                "idle": numbers.idle,
                "ready": numbers.ready,
                "blocked": numbers.blocked,
                "for_later": numbers.held,
                "working": numbers.working,
                "failed": numbers.failed,
                "oldest_seconds": None if oldest is None else round(max(0.0, oldest), 1),
                "per_hour": flow.completed,
                "wait_p50_seconds": flow.wait_p50_seconds,
                "wait_p95_seconds": flow.wait_p95_seconds,
                "takes": estimate_object(usual),
                "done_in_seconds": round(numbers.idle * usual.median_seconds / slots, 1)
                if usual is not None and slots
                else None,
                "agents": {agent.name: f"{loads.get(agent.name, 0)}/{agent.limit}" for agent in agents},
                "served": bool(agents),
            }
        )
    return rows


def estimate_object(found: Estimate | None) -> dict[str, Any] | None:
    """How long such tasks take, in seconds: half of them less than the median, eight of ten between."""
    if found is None:
        return None
    return {
        "median_seconds": found.median_seconds,
        "low_seconds": found.low_seconds,
        "high_seconds": found.high_seconds,
        "tasks": found.tasks,
        "basis": found.basis,
    }


def pool_objects(place: Place) -> list[dict[str, Any]]:
    """Every quota pool that agents draw on: open, probing or closed, until when, and why."""
    now = dt.datetime.now(dt.UTC)
    with transaction(place.engine) as connection:
        known = pools(connection)
        states = pool_states(connection, place.declarations.quotas, place.declarations.agents, now)
        loads = assignments.loads(assignments.live(connection, place.task_queue.backend))
    agents: dict[str, list[str]] = {name: [] for name in place.declarations.quotas}
    for agent in place.declarations.agents.values():
        agents.setdefault(quota_of(agent), []).append(agent.name)
    rows: list[dict[str, Any]] = []
    for name, members in agents.items():
        stored = known.get(name, Pool(PoolState()))
        active = sum(loads.get(member, 0) for member in members)
        seen = view(name, states.get(name, PoolState()), active, now)
        state = "open" if seen.left is None else "closed" if seen.until else "probing"
        rows.append(
            {
                "name": name,
                "agents": members,
                "state": state,
                "opens": seen.until,
                "reason": seen.why or None,
                "closed_at": stored.closed_at if state != "open" else None,
                "run_id": stored.run_id if state != "open" else None,
                "active": active,
            }
        )
    return rows

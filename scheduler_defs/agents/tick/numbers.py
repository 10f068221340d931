"""The numbers of a pass: a line for people, and an observation of the queue's asset, which the UI plots."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from scheduler_defs.agents.tick.memory import Memory

if TYPE_CHECKING:
    from scheduler_defs.agents.pool.passes import Pass

OBSERVE_EVERY = dt.timedelta(seconds=15)
OBSERVE_AT_LEAST = dt.timedelta(minutes=15)
FAULTS_SHOWN = 10


def asset_key(queue: str) -> dg.AssetKey:
    """Of the asset that a queue's numbers are observed on."""
    return dg.AssetKey(["agent_queues", queue])


def summary(passed: Pass) -> str:
    """What a pass did, in one line."""
    counts = passed.view.counts
    parts = [
        f"placed {len(passed.requests)}",
        f"working {passed.working}",
        f"idle {counts.idle} ({counts.blocked} blocked, {counts.held} for later)",
    ]
    if passed.again:
        parts.append(f"requested again {len(passed.again)}")
    if passed.healed:
        parts.append("put right " + ", ".join(f"{h.task_id} ({h.why})" for h in passed.healed[:FAULTS_SHOWN]))
    if passed.dead_lettered:
        parts.append("failed for good " + ", ".join(map(str, passed.dead_lettered[:FAULTS_SHOWN])))
    if counts.failed:
        parts.append(f"dead letters {counts.failed}")
    parts += passed.view.faults[:FAULTS_SHOWN]
    parts.append(f"agents {passed.agents}")
    return "; ".join(parts)


def numbers(passed: Pass) -> dict[str, Any]:
    """How many tasks are in which state."""
    counts = passed.view.counts
    return {
        "idle": counts.idle,
        "ready": counts.ready,
        "blocked": counts.blocked,
        "for_later": counts.held,
        "working": passed.working + len(passed.requests),
        "failed": counts.failed,
        "faults": len(passed.view.faults),
    }


def worth_observing(memory: Memory, found: Mapping[str, Any], now: dt.datetime) -> bool:
    """Whether they are to be observed again: when they have changed, and every quarter of an hour."""
    if dict(memory.numbers) != dict(found):
        return memory.is_past(memory.observed, OBSERVE_EVERY, now)
    return memory.is_past(memory.observed, OBSERVE_AT_LEAST, now)


def observation(queue: str, passed: Pass, found: Mapping[str, Any], completed: int) -> dg.AssetObservation:
    oldest = passed.view.counts.oldest
    age = (dt.datetime.now(dt.UTC) - oldest).total_seconds() if oldest else 0.0
    return dg.AssetObservation(
        asset_key=asset_key(queue),
        metadata={
            **found,
            "oldest_seconds": max(0.0, round(age, 1)),
            "completed_last_hour": completed,
            "placed": len(passed.requests),
            "put_right": len(passed.healed),
            "dead_lettered": len(passed.dead_lettered),
        },
    )

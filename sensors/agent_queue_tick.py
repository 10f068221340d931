"""One tick of an agent queue's sensor: a pass, the runs that it asks for, and its numbers.

The numbers are shown in the cursor, in the reason for asking for nothing, and, when they have changed, as an
observation of the queue's asset, which the UI plots.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

from resources.agent_pool import assignments
from resources.agent_pool.assignments import Assignment
from resources.agent_pool.flow import HOUR, flows
from resources.agent_pool.passes import Pass, reconcile
from resources.agent_pool.runs import InstanceRuns
from resources.task_queue.opening import open_task_queue
from scheduler_defs import database
from scheduler_defs.declarations.models import Declarations
from scheduler_defs.launching import for_task
from sensors.agent_queues import asset_key

SWEEP_EVERY = dt.timedelta(seconds=30)
FORGET_EVERY = dt.timedelta(days=1)
KEPT = dt.timedelta(days=400)
"""Ended assignments, which `tasks show` lists and `capacity` measures by, are kept for so long."""

OBSERVE_EVERY = dt.timedelta(seconds=15)
OBSERVE_AT_LEAST = dt.timedelta(minutes=15)
_FAULTS_SHOWN = 10


@dataclass(frozen=True)
class Memory:
    """What a sensor remembers from tick to tick, in its cursor."""

    swept: str = ""
    observed: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    forgot: str = ""
    cycles: Sequence[Sequence[int]] = ()
    """Rings of blockers that the last pass saw, each from its smallest task back to it."""
    faults: Sequence[str] = ()
    """What a person should mend, as of the last pass, one line each."""
    last: str = ""
    """What the last pass did, for whoever reads the cursor."""

    @classmethod
    def read(cls, cursor: str | None) -> Memory:
        """Begin anew with a cursor that cannot be read."""
        try:
            return cls(**json.loads(cursor)) if cursor else cls()
        except (TypeError, ValueError):
            return cls()

    def is_past(self, stamp: str, interval: dt.timedelta, now: dt.datetime) -> bool:
        """Whether something was last done that long ago, or never."""
        return not stamp or now - dt.datetime.fromisoformat(stamp) >= interval


def tick(
    declarations: Declarations, queue: str, context: dg.SensorEvaluationContext, now: dt.datetime
) -> dg.SensorResult:
    """One tick: a pass, the runs that it asks for, and its numbers.

    Raises TaskQueueDownError; that makes a failed tick that names the task queue's address.
    """
    memory = Memory.read(context.cursor)
    engine = database.engine()
    sweep = memory.is_past(memory.swept, SWEEP_EVERY, now)
    passed = reconcile(
        engine,
        open_task_queue(declarations.task_queue),
        declarations,
        queue,
        runs=InstanceRuns(context.instance),
        now=now,
        sweep=sweep,
    )
    requests = [
        request
        for assignment in (*passed.requests, *passed.again)
        if (request := run_request(declarations, assignment)) is not None
    ]
    said = summary(passed)
    memory = replace(memory, last=said, swept=now.isoformat() if sweep else memory.swept)
    if memory.is_past(memory.forgot, FORGET_EVERY, now):
        with engine.begin() as connection:
            assignments.forget(connection, now - KEPT)
        memory = replace(memory, forgot=now.isoformat())
    numbers = _numbers(passed, now)
    events: list[dg.AssetObservation] = []
    if _worth_observing(memory, numbers, now):
        with engine.connect() as connection:
            flow = flows(connection, now - HOUR, queue).get(queue)
        events.append(_observation(queue, passed, numbers, flow.completed if flow else 0))
        memory = replace(memory, observed=now.isoformat(), numbers=numbers)
    for cycle in passed.view.cycles:
        if list(cycle) not in [list(known) for known in memory.cycles]:
            context.log.error("tasks wait for each other: %s", " -> ".join(map(str, cycle)))
    memory = replace(
        memory,
        cycles=[list(cycle) for cycle in passed.view.cycles],
        faults=passed.view.faults[:_FAULTS_SHOWN],
    )
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else said,
        cursor=json.dumps(memory.__dict__),
        asset_events=events,
    )


def run_request(declarations: Declarations, assignment: Assignment) -> dg.RunRequest | None:
    """The run for an assignment; None when its agent is not declared any more."""
    agent = declarations.agents.get(assignment.agent)
    if agent is None:
        return None
    launch = for_task(
        agent,
        backend=declarations.task_queue.backend,
        queue=assignment.queue,
        task=assignment.task_id,
        run_key=assignment.run_key,
        attempt=assignment.attempt,
        max_attempts=assignment.max_attempts,
        priority=assignment.priority,
    )
    return dg.RunRequest(run_key=launch.run_key, run_config=launch.run_config, tags=launch.tags)


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
        parts.append(
            "put right " + ", ".join(f"{h.task_id} ({h.why})" for h in passed.healed[:_FAULTS_SHOWN])
        )
    if passed.dead_lettered:
        parts.append("failed for good " + ", ".join(map(str, passed.dead_lettered[:_FAULTS_SHOWN])))
    if counts.failed:
        parts.append(f"dead letters {counts.failed}")
    parts += passed.view.faults[:_FAULTS_SHOWN]
    parts.append(f"agents {passed.agents}")
    return "; ".join(parts)


def _numbers(passed: Pass, now: dt.datetime) -> dict[str, Any]:
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


def _worth_observing(memory: Memory, numbers: Mapping[str, Any], now: dt.datetime) -> bool:
    if dict(memory.numbers) != dict(numbers):
        return memory.is_past(memory.observed, OBSERVE_EVERY, now)
    return memory.is_past(memory.observed, OBSERVE_AT_LEAST, now)


def _observation(queue: str, passed: Pass, numbers: Mapping[str, Any], completed: int) -> dg.AssetObservation:
    oldest = passed.view.counts.oldest
    age = (dt.datetime.now(dt.UTC) - oldest).total_seconds() if oldest else 0.0
    return dg.AssetObservation(
        asset_key=asset_key(queue),
        metadata={
            **numbers,
            "oldest_seconds": max(0.0, round(age, 1)),
            "completed_last_hour": completed,
            "placed": len(passed.requests),
            "put_right": len(passed.healed),
            "dead_lettered": len(passed.dead_lettered),
        },
    )

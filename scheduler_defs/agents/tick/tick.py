"""One tick of an agent queue's sensor: a pass, the runs that it asks for, and its numbers.

The numbers are shown in the cursor, in the reason for asking for nothing, and, when they have changed, as an
observation of the queue's asset, which the UI plots.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import dagster as dg
import sqlalchemy as sa

from scheduler_defs.agents.landing import landings
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool.flow import HOUR, flows
from scheduler_defs.agents.pool.passes import preview, reconcile
from scheduler_defs.agents.pool.runs import InstanceRuns
from scheduler_defs.agents.pool.sharing import competing
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.agents.tick.memory import Memory
from scheduler_defs.agents.tick.numbers import FAULTS_SHOWN, numbers, observation, summary, worth_observing
from scheduler_defs.agents.tick.requests import landing_request, run_request
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.names import sensor_name
from scheduler_defs.execution.dagster_patches.instigators import is_dry_run, stopped_sensors

SWEEP_EVERY = dt.timedelta(seconds=30)
FORGET_EVERY = dt.timedelta(days=1)


def tick(
    declarations: Declarations,
    queue: str,
    context: dg.SensorEvaluationContext,
    now: dt.datetime,
    engine: sa.Engine,
    task_queue: TaskQueue,
) -> dg.SensorResult:
    """One tick: a pass, the runs that it asks for, and its numbers.

    Raises TaskQueueDownError; that makes a failed tick that names the task queue's address.
    """
    memory = Memory.read(context.cursor)
    if is_dry_run(context):
        return _preview(engine, task_queue, declarations, queue, context, now)
    sweep = memory.is_past(memory.swept, SWEEP_EVERY, now)
    passed = reconcile(
        engine,
        task_queue,
        declarations,
        queue,
        runs=InstanceRuns(context.instance, engine),
        now=now,
        sweep=sweep,
        stopped=_stopped(declarations, queue, context.instance),
    )
    requests = [
        request
        for assignment in (*passed.requests, *passed.again)
        if (request := run_request(declarations, assignment)) is not None
    ]
    with engine.begin() as connection:
        requests += [landing_request(wanted) for wanted in landings.ask(connection, now)]
    said = summary(passed)
    memory = replace(memory, last=said, swept=now.isoformat() if sweep else memory.swept)
    if memory.is_past(memory.forgot, FORGET_EVERY, now):
        with engine.begin() as connection:
            assignments.forget(connection, now - declarations.retention.assignments)
        memory = replace(memory, forgot=now.isoformat())
    found = numbers(passed)
    events: list[dg.AssetObservation] = []
    if worth_observing(memory, found, now):
        with engine.connect() as connection:
            flow = flows(connection, now - HOUR, queue).get(queue)
        events.append(observation(queue, passed, found, flow.completed if flow else 0))
        memory = replace(memory, observed=now.isoformat(), numbers=found)
    for cycle in passed.view.cycles:
        if list(cycle) not in [list(known) for known in memory.cycles]:
            context.log.error("tasks wait for each other: %s", " -> ".join(map(str, cycle)))
    memory = replace(
        memory,
        cycles=[list(cycle) for cycle in passed.view.cycles],
        faults=passed.view.faults[:FAULTS_SHOWN],
    )
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else said,
        cursor=json.dumps(memory.__dict__),
        asset_events=events,
    )


def _preview(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    queue: str,
    context: dg.SensorEvaluationContext,
    now: dt.datetime,
) -> dg.SensorResult:
    """What a tick would do, in words: nothing is reserved, and so there is no run to ask for."""
    passed = preview(
        engine,
        task_queue,
        declarations,
        queue,
        runs=InstanceRuns(context.instance),
        now=now,
        stopped=_stopped(declarations, queue, context.instance),
    )
    placed = [f"{each.task} with {each.agent}" for each in passed.decided.placed]
    would = f"would place {', '.join(placed)}" if placed else "would place nothing"
    return dg.SensorResult(skip_reason=f"{would}; {summary(passed)}", cursor=context.cursor)


def _stopped(declarations: Declarations, queue: str, instance: dg.DagsterInstance) -> set[str]:
    """The queues that compete with this one for agents, and whose sensors are switched off."""
    rivals = set(competing(declarations, queue)) - {queue}
    if not rivals:
        return set()
    off = stopped_sensors(instance)
    return {name for name in rivals if sensor_name(name) in off}

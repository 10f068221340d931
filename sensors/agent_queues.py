"""The sensors of the agent queues: each tick is a pass over one queue, its placements are requested runs.

Each queue has an asset too, `agent_queues/<queue>`, on which its numbers are observed (`agent_queue_tick`).
"""

from __future__ import annotations

import datetime as dt

import dagster as dg

from scheduler_defs.declarations.models import Declarations
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import NotReachableError
from scheduler_defs.execution.instigators import share_instance
from scheduler_defs.jobs.agent_task import agent_task

INTERVAL_SECONDS = 1
"""Dagster's sensor loop comes by every five seconds, or at once when tasks have changed."""


def build_agent_queue_sensors(declarations: Declarations) -> list[dg.SensorDefinition]:
    """One sensor per queue that some agent serves."""
    return [_sensor(declarations, queue) for queue in declarations.served_queues]


def agent_queue_assets(declarations: Declarations) -> list[dg.AssetSpec]:
    """One asset per queue, to hang its numbers on."""
    return [
        dg.AssetSpec(
            asset_key(queue),
            description=f"The agent queue {queue}: depth, age and throughput over time.",
            group_name="agent_queues",
            kinds={"queue"},
        )
        for queue in declarations.served_queues
    ]


def asset_key(queue: str) -> dg.AssetKey:
    """Of the asset that a queue's numbers are observed on."""
    return dg.AssetKey(["agent_queues", queue])


def sensor_name(queue: str) -> str:
    """Of the queue's sensor."""
    return f"agent_queue_{dagster_name(queue)}"


def _sensor(declarations: Declarations, queue: str) -> dg.SensorDefinition:
    agents = [agent.name for agent in declarations.agents.values() if queue in agent.queues]

    @dg.sensor(
        name=sensor_name(queue),
        job=agent_task,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Gives the tasks of queue {queue} to {', '.join(agents)}.",
        tags={"signalbox/queue": queue},
    )
    def look_at_queue(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # Here, because the code location is loaded by many that never tick.
        from sensors.agent_queue_tick import tick

        share_instance(context)
        try:
            return tick(declarations, queue, context, dt.datetime.now(dt.UTC))
        except NotReachableError as error:
            # Dagster shows its own errors as they are; others it hides behind one that names only the sensor.
            raise dg.DagsterError(str(error)) from error

    return look_at_queue

"""The sensors of the agent queues: each tick is a pass over one queue, its placements are requested runs.

Each queue has an asset too, `agent_queues/<queue>`, on which its numbers are observed.
"""

from __future__ import annotations

import dagster as dg

from resources import ClockResource, DatabaseResource, TaskQueueResource
from scheduler_defs.agents.tick.numbers import asset_key
from scheduler_defs.agents.working.job import agent_task
from scheduler_defs.agents.working.landing.job import agent_landing
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.names import sensor_name
from scheduler_defs.errors import NotReachableError
from scheduler_defs.execution.dagster_patches.instigators import share_instance

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


def _sensor(declarations: Declarations, queue: str) -> dg.SensorDefinition:
    agents = [agent.name for agent in declarations.agents.values() if queue in agent.queues]

    @dg.sensor(
        name=sensor_name(queue),
        jobs=[agent_task, agent_landing],
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Gives the tasks of queue {queue} to {', '.join(agents)}.",
        tags={"signalbox/queue": queue},
    )
    def look_at_queue(
        context: dg.SensorEvaluationContext,
        task_queue: TaskQueueResource,
        database: DatabaseResource,
        clock: ClockResource,
    ) -> dg.SensorResult:
        # Here, because the code location is loaded by many that never tick.
        from scheduler_defs.agents.tick.tick import tick

        share_instance(context)
        try:
            return tick(declarations, queue, context, clock.now(), database.engine(), task_queue.open())
        except NotReachableError as error:
            # Dagster shows its own errors as they are; others it hides behind one that names only the sensor.
            raise dg.DagsterError(str(error)) from error

    return look_at_queue

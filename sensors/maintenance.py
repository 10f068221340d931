"""The sensor that has the stack look after itself: once a day it asks for a run of the job `retention`."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from resources import ClockResource, DatabaseResource
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.execution.dagster_patches.instigators import share_instance
from scheduler_defs.upkeep.jobs import UPKEEP_JOBS

NAME = "maintenance"
INTERVAL_SECONDS = 600
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
PRUNE_EVERY = dt.timedelta(days=1)


def maintenance_sensors(declarations: Declarations) -> list[dg.SensorDefinition]:
    """The sensor, unless pruning is left to somebody else."""
    return [_sensor()] if declarations.retention.automatic else []


def _sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name=NAME,
        jobs=[UPKEEP_JOBS["retention"]],
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks once a day for a run of the job retention.",
    )
    def maintain(
        context: dg.SensorEvaluationContext, database: DatabaseResource, clock: ClockResource
    ) -> dg.RunRequest | dg.SkipReason:
        # Here, because the code location is loaded by many that never tick.
        from scheduler_defs.upkeep.retention.prune import is_due

        share_instance(context)
        now = clock.now()
        if not is_due(database.engine(), PRUNE_EVERY, now):
            return dg.SkipReason("nothing was kept for longer than a day since the last prune")
        going = context.instance.get_runs(dg.RunsFilter(job_name="retention", statuses=_UNFINISHED), limit=1)
        if going:
            return dg.SkipReason(f"run {going[0].run_id} prunes")
        # Should it fail, the next hour asks again.
        return dg.RunRequest(run_key=f"retention:{now.astimezone(dt.UTC):%Y-%m-%dT%H}", job_name="retention")

    return maintain

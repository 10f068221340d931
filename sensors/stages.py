"""The sensor that goes on with runs that have ended before a step to which people must agree.

The next run is held until they do, like any other that needs an approval. What is to follow is written on the
run itself, so it survives whatever is restarted, and the run key makes it happen once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from resources import DatabaseResource
from scheduler_defs import tags
from scheduler_defs.approvals.stages import FOLLOWED, stage_key, stage_tags
from scheduler_defs.execution.dagster_patches.instigators import Target as JobTarget
from scheduler_defs.execution.dagster_patches.instigators import is_dry_run, share_instance

NAME = "stages"


def stages_sensor(jobs: Sequence[JobTarget]) -> dg.SensorDefinition:
    """The sensor for jobs with such steps."""
    names = {job.name for job in jobs}

    @dg.sensor(
        name=NAME,
        jobs=list(jobs),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Goes on with runs that ended before a step to which people must agree.",
    )
    def go_on(
        context: dg.SensorEvaluationContext, database: DatabaseResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from scheduler_defs.execution import stages_due

        share_instance(context)
        with database.engine().connect() as connection:
            open_, followed = stages_due.due(connection)
        if not is_dry_run(context):
            for run_id in followed:
                context.instance.add_run_tags(run_id, {tags.NEXT_STAGE: FOLLOWED})
        found = context.instance.get_runs(dg.RunsFilter(run_ids=open_)) if open_ else []
        runs = [run for run in found if run.job_name in names]
        for run in runs:
            yield request(context.instance, run)
        if not runs:
            yield dg.SkipReason("no run has ended before a step to which people must agree")

    return go_on


def request(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.RunRequest:
    """The run that goes on after this one."""
    from scheduler_defs.jobs.commands.stages import waiting_in

    steps = waiting_in(instance, run.run_id, run.job_name)
    return dg.RunRequest(
        run_key=stage_key(run.run_id),
        job_name=run.job_name,
        run_config=run.run_config,
        tags=stage_tags(run.run_id, run.tags, steps),
    )

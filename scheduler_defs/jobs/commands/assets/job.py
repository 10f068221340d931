"""The job of a declared name over the assets that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from scheduler_defs.declarations.models.declared import Job
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.jobs.commands.assets.outcome import key_of
from scheduler_defs.jobs.commands.form import launch_form
from scheduler_defs.jobs.commands.job import job_metadata
from scheduler_defs.jobs.commands.spec import op_name
from scheduler_defs.jobs.commands.steps_job import executor_of
from scheduler_defs.jobs.run_tags import job_tags

if TYPE_CHECKING:
    from scheduler_defs.execution.dagster_patches.instigators import Target


def assets_job(job: Job) -> Target:
    """The job over its assets and their checks, whether its command makes them or its steps do."""
    return dg.define_asset_job(
        dagster_name(job.name),
        selection=dg.AssetSelection.assets(*map(key_of, job.all_assets)),
        description=job.description,
        tags=dict(job.tags),
        run_tags=job_tags(job),
        metadata=job_metadata(job),
        executor_def=executor_of(job) if job.steps else dg.in_process_executor,
        config=launch_form(job, [op_name(job, "")]),
    )

"""The job that stands for those of other locations, where Dagster wants one of ours."""

from __future__ import annotations

import dagster as dg

from scheduler_defs.jobs.elsewhere_name import OF_ANOTHER_LOCATION


@dg.op(name=f"{OF_ANOTHER_LOCATION}_do", description="Nothing: see the job.")
def nothing_of_its_own() -> None:
    """Say where to go instead."""
    raise dg.Failure(
        "this job only stands for those of other locations; run its schedule, or `signalbox jobs launch "
        "LOCATION/JOB`",
        allow_retries=False,
    )


@dg.job(
    name=OF_ANOTHER_LOCATION,
    description="Stands for jobs and assets of other locations in schedules that run them.",
    executor_def=dg.in_process_executor,
)
def of_another_location() -> None:
    """One op that is never run by a schedule."""
    nothing_of_its_own()

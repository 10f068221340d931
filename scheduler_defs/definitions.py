"""The Dagster code location: everything declared and built in, assembled. The only place that does.

Importing this reads `config/` (or the last good set, while the files have faults) and does no other I/O: it
loads with the database and the broker down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from scheduler_defs.declarations import Declarations, current
from scheduler_defs.declarations.models import Job
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.jobs.agent_task import agent_task
from scheduler_defs.jobs.builtin import BUILTIN_ASSETS, BUILTIN_JOBS
from scheduler_defs.schedules import build_schedule
from scheduler_defs.settings import settings
from sensors import build_sensors
from sensors.agent_queues import agent_queue_assets

_log = logging.getLogger("signalbox.definitions")


def build(declarations: Declarations) -> dg.Definitions:
    """Dagster's view of a set of declarations. What cannot be built is left out and logged."""
    jobs = [*BUILTIN_JOBS.values(), agent_task, *_each("job", declarations.jobs.values(), build_job)]
    offered = {job.name for job in jobs}
    schedules = _each(
        "schedule",
        (schedule for schedule in declarations.schedules.values() if dagster_name(schedule.job) in offered),
        lambda schedule: build_schedule(declarations, schedule),
    )
    return dg.Definitions(
        assets=[*BUILTIN_ASSETS, *agent_queue_assets(declarations)],
        jobs=jobs,
        schedules=schedules,
        sensors=build_sensors(declarations, jobs),
        executor=dg.in_process_executor,
    )


def build_job(job: Job) -> dg.JobDefinition:
    """The Dagster job of a declared one."""
    if job.steps:
        from scheduler_defs.jobs.steps_job import build_steps_job

        return build_steps_job(job)
    from scheduler_defs.jobs.command import build_command_job

    return build_command_job(job)


def _each(kind: str, declared: Iterable[Any], make: Callable[[Any], Any]) -> list[Any]:
    made: list[Any] = []
    for item in declared:
        try:
            made.append(make(item))
        except Exception:
            # A fault in one declaration never stops the others; `check` should have found it before.
            _log.exception("%s %s cannot be built and is left out (%s)", kind, item.name, item.source)
    return made


_place = settings()
defs = build(current(_place.config, _place.state).declarations)

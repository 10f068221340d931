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
from scheduler_defs.jobs.builtin import BUILTIN_ASSETS, BUILTIN_JOBS
from scheduler_defs.jobs.command import build_command_job
from scheduler_defs.jobs.steps_job import build_steps_job
from scheduler_defs.schedules import build_schedule
from scheduler_defs.settings import settings
from sensors import build_sensors

_log = logging.getLogger("signalbox.definitions")


def build(declarations: Declarations) -> dg.Definitions:
    """Dagster's view of a set of declarations. One that cannot be built is left out and logged."""
    jobs = _each(
        "job",
        declarations.jobs.values(),
        lambda job: build_steps_job(job) if job.steps else build_command_job(job),
    )
    schedules = _each(
        "schedule", declarations.schedules.values(), lambda schedule: build_schedule(declarations, schedule)
    )
    return dg.Definitions(
        assets=BUILTIN_ASSETS,
        jobs=[*BUILTIN_JOBS.values(), *jobs],
        schedules=schedules,
        sensors=build_sensors(declarations),
        executor=dg.in_process_executor,
    )


def _each(kind: str, declared: Iterable[Any], make: Callable[[Any], Any]) -> list[Any]:
    made: list[Any] = []
    for item in declared:
        try:
            made.append(make(item))
        except Exception:
            # A fault in one declaration never stops the others (the check should have found it first).
            _log.exception("%s %s cannot be built and is left out (%s)", kind, item.name, item.source)
    return made


_place = settings()
defs = build(current(_place.config, _place.state).declarations)

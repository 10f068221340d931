"""What a name in Dagster stands for in the declarations: its job, schedule, queue, owner."""

from __future__ import annotations

from scheduler_defs.access.table import Subject
from scheduler_defs.declarations import Declarations, current
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.declarations.serving import Current
from scheduler_defs.settings import settings

_QUEUE_SENSOR = "agent_queue_"


def _current() -> Current:
    place = settings()
    return current(place.config, place.state)


def declared() -> Declarations:
    """The declarations in force."""
    return _current().declarations


def faults() -> int:
    """How many faults the files of the declarations have."""
    return len(_current().problems)


def of_job(name: str) -> Subject:
    """A job by its name, as declared or as Dagster writes it."""
    job = next((job for key, job in declared().jobs.items() if name in (key, dagster_name(key))), None)
    return Subject(job=job.name if job else name, owner=job.owner if job else None)


def of_schedule(name: str) -> Subject:
    """A schedule with its job; its owner, or else its job's."""
    found = declared()
    schedule = next((each for key, each in found.schedules.items() if name in (key, dagster_name(key))), None)
    if schedule is None:
        return Subject(schedule=name)
    job = found.jobs.get(schedule.job)
    owner = schedule.owner or (job.owner if job else None)
    return Subject(schedule=schedule.name, job=schedule.job, owner=owner)


def of_sensor(name: str) -> Subject:
    """The sensor of an agent queue is about that queue; the others are about everything."""
    return Subject(queue=name.removeprefix(_QUEUE_SENSOR)) if name.startswith(_QUEUE_SENSOR) else Subject()

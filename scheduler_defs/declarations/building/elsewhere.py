"""`job: LOCATION/JOB`, `assets: LOCATION/SELECTION` and `partition:`, wherever a job is named."""

from __future__ import annotations

from collections.abc import Collection

from scheduler_defs.declarations.building.common import unknown_name
from scheduler_defs.declarations.models.settings.locations import Elsewhere
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.schedules import PartitionEntry

RUN_CONFIG = frozenset({"ops", "execution", "resources", "loggers"})
"""What Dagster takes as run config, not as the parameters of a job."""


def is_elsewhere(job: str | None) -> bool:
    """Whether a job's name is that of another location's: names here have no slash."""
    return job is not None and "/" in job


def read_elsewhere(
    entry: Entry,
    *,
    job: str | None,
    assets: str | None,
    partition: PartitionEntry | None,
    locations: Collection[str],
    config: Collection[str],
) -> Elsewhere | None:
    """What is to be run in another location; None for a job of our own, or where faults are noted."""
    if assets is None and not is_elsewhere(job):
        if partition is not None:
            entry.fault("is for jobs and assets of other locations: LOCATION/JOB", "partition")
        return None
    if assets is not None and job is not None:
        entry.fault("has both job and assets; choose one", "assets")
        return None
    key = "job" if assets is None else "assets"
    location, _, rest = (assets if assets is not None else str(job)).partition("/")
    if not location or not rest.strip():
        entry.fault(f"must be LOCATION/{'JOB' if key == 'job' else 'SELECTION'}, such as ml/train", key)
    elif location not in locations:
        entry.fault(unknown_name("location", location, locations), key)
    if other := sorted(set(config) - RUN_CONFIG):
        allowed = ", ".join(sorted(RUN_CONFIG))
        entry.fault(f"a job of another location takes Dagster's run config: {allowed}", "config", other[0])
    if partition is not None and partition.name is not None and not partition.name.strip():
        entry.fault("must not be empty", "partition")
    if entry.faulty:
        return None
    return Elsewhere(
        location=location,
        job=rest if key == "job" else None,
        selection=rest if key == "assets" else None,
        partition=None if partition is None else partition.name,
        last=None if partition is None else partition.last,
    )

"""`triggers:`, from what is written to what is in force."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler_defs.declarations.building.common import unknown_name
from scheduler_defs.declarations.building.elsewhere import is_elsewhere, read_elsewhere
from scheduler_defs.declarations.building.schedules.schedule import Surroundings
from scheduler_defs.declarations.models.declared import Job
from scheduler_defs.declarations.models.triggers import Trigger
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.declarations.written.triggers import TriggerEntry


def build_trigger(entry: Entry, jobs: Mapping[str, Job], around: Surroundings) -> Trigger | None:
    """The trigger, or None and faults noted."""
    written = read_entry(entry, TriggerEntry)
    if written is None:
        return None
    if is_elsewhere(written.job):
        config = {*written.params, *written.config}
        read_elsewhere(
            entry, job=written.job, assets=None, partition=None, locations=around.locations, config=config
        )
    elif written.job not in around.job_names:
        entry.fault(unknown_name("job", written.job, around.job_names), "job")
    job = jobs.get(written.job)
    if job is not None:
        for key in ("params", "config"):
            for name in getattr(written, key):
                if name not in job.params:
                    entry.fault(unknown_name(f"param of job {job.name}", name, job.params), key, name)
    if entry.faulty:
        return None
    return Trigger(
        name=entry.name,
        source=entry.position,
        path=written.path or entry.name,
        secret=written.secret,
        job=written.job,
        params=written.params,
        config=written.config,
        within=written.within,
        description=written.description,
    )


def one_each(triggers: Mapping[str, Trigger], entries: Mapping[str, Entry]) -> dict[str, Trigger]:
    """Those whose path nobody has declared before."""
    taken: dict[str, str] = {}
    clear: dict[str, Trigger] = {}
    for trigger in triggers.values():
        if trigger.path in taken:
            entries[trigger.name].fault(
                f"the path {trigger.path!r} is taken by {taken[trigger.path]}", "path"
            )
            continue
        taken[trigger.path] = trigger.name
        clear[trigger.name] = trigger
    return clear

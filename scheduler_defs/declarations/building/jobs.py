"""Declared jobs: one command, or a graph of steps."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from scheduler_defs.declarations.building.common import check_retries, retries
from scheduler_defs.declarations.building.params import check_placeholders, read_params
from scheduler_defs.declarations.explaining import read_entry
from scheduler_defs.declarations.faults import Entry, near
from scheduler_defs.declarations.models import Job, Step
from scheduler_defs.declarations.names import dagster_name, name_fault
from scheduler_defs.declarations.written.jobs import JobEntry, StepEntry


def build_job(entry: Entry) -> Job | None:
    """The job, or None and faults noted."""
    written = read_entry(entry, JobEntry)
    if written is None:
        return None
    if entry.dropped & {"command", "steps"}:
        pass
    elif (written.command is None) == (written.steps is None):
        entry.fault("needs one of command: [PROGRAM, ARGUMENTS] or steps:")
        return None
    params = read_params(entry, written.params or {})
    check_retries(entry, written.retries)
    steps: dict[str, Step] | None = None
    if written.command is not None:
        check_placeholders(entry, written.command, entry.keys_below("params"), "command")
    elif written.steps is not None:
        if written.artifacts is not None:
            entry.fault("artifacts of a job with steps belong to its steps", "artifacts", on_key=True)
        steps = _steps(entry, written)
    if entry.faulty:
        return None
    return Job.model_construct(
        name=entry.name,
        source=entry.position,
        command=None if written.command is None else tuple(written.command),
        steps=steps,
        params=params,
        env=tuple(written.env or ()),
        cwd=written.cwd,
        timeout=written.timeout,
        expected=written.expected,
        grace=written.grace,
        queue=written.queue,
        artifacts=tuple(written.artifacts or ()),
        max_concurrent=written.max_concurrent,
        retries=retries(written.retries),
        priority=written.priority,
        tags=written.tags or {},
        owner=written.owner,
        description=written.description,
    )


def _steps(entry: Entry, written: JobEntry) -> dict[str, Step]:
    """The steps, with the job's `env` and `cwd` where they have none of their own."""
    given = written.steps or {}
    steps: dict[str, Step] = {}
    shorts: dict[str, str] = {}
    for name, step in given.items():
        where = ("steps", name)
        if fault := name_fault(name):
            entry.fault(fault, *where, on_key=True)
        other = shorts.setdefault(dagster_name(name), name)
        if other != name:
            entry.fault(
                f"{name!r} and {other!r} are the same name in Dagster; rename one", *where, on_key=True
            )
        check_placeholders(entry, step.command, entry.keys_below("params"), *where, "command")
        steps[name] = Step.model_construct(
            name=name,
            command=tuple(step.command),
            needs=tuple(dict.fromkeys(step.needs or ())),
            queue=step.queue,
            timeout=step.timeout,
            retries=retries(step.retries),
            artifacts=tuple(step.artifacts or ()),
            env=tuple(dict.fromkeys([*(written.env or ()), *(step.env or ())])),
            cwd=step.cwd or written.cwd,
        )
    _check_needs(entry, given)
    return steps


def _check_needs(entry: Entry, steps: Mapping[str, StepEntry]) -> None:
    """Every need names another step, and none waits for itself, however far around."""
    sound = True
    names = entry.keys_below("steps")
    for name, step in steps.items():
        for index, need in enumerate(step.needs or ()):
            if need not in names:
                sound = False
                others = [other for other in names if other != name]
                entry.fault(f"there is no step {need!r}{near(need, others)}", "steps", name, "needs", index)
    if not sound:
        return
    needs = {name: [need for need in step.needs or () if need in steps] for name, step in steps.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        cycle = list(reversed(error.args[1]))  # graphlib lists it from needed to needing
        entry.fault(f"the steps wait for each other: {' -> '.join(cycle)}", "steps", cycle[0], "needs")

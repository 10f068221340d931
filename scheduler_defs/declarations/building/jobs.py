"""Declared jobs: one command, or a graph of steps."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from scheduler_defs.declarations.building.common import approve, check_retries, retries
from scheduler_defs.declarations.building.params import read_params
from scheduler_defs.declarations.models.declared import Asset, Job, Step, StepExecutor
from scheduler_defs.declarations.names import dagster_name, name_fault
from scheduler_defs.declarations.placeholders import check_job_command
from scheduler_defs.declarations.reading.faults import Entry, near
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.declarations.written.fields import ASSET_KEY, ASSET_KEY_FORM
from scheduler_defs.declarations.written.jobs import AssetEntry, JobEntry, StepEntry


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
    assets = _assets(entry, written.assets, "assets")
    if written.command is not None:
        if written.executor is not None:
            entry.fault("an executor is for a job with steps", "executor", on_key=True)
        check_job_command(entry, written.command, entry.keys_below("params"), "command")
    elif written.steps is not None:
        if written.artifacts is not None:
            entry.fault("artifacts of a job with steps belong to its steps", "artifacts", on_key=True)
        if written.assets is not None:
            entry.fault("assets of a job with steps belong to its steps", "assets", on_key=True)
        steps = _steps(entry, written)
    if not entry.faulty:
        _check_lineage(entry, assets, steps or {})
    if entry.faulty:
        return None
    if steps is not None:
        steps = _with_last_assets(entry.name, steps)
    return Job.model_construct(
        name=entry.name,
        source=entry.position,
        command=None if written.command is None else tuple(written.command),
        steps=steps,
        executor=StepExecutor(written.executor or StepExecutor.CELERY),
        params=params,
        env=tuple(written.env or ()),
        cwd=written.cwd,
        timeout=written.timeout,
        expected=written.expected,
        grace=written.grace,
        queue=written.queue,
        artifacts=tuple(written.artifacts or ()),
        assets=assets,
        max_concurrent=written.max_concurrent,
        retries=retries(written.retries),
        priority=written.priority,
        approve=approve(written.approve),
        tags=written.tags or {},
        owner=written.owner,
        description=written.description,
    )


def _assets(entry: Entry, written: Mapping[str, AssetEntry | None] | None, *where: str) -> dict[str, Asset]:
    assets: dict[str, Asset] = {}
    for name, asset in (written or {}).items():
        if not ASSET_KEY.fullmatch(name):
            entry.fault(f"{name!r} is no asset key; {ASSET_KEY_FORM}", *where, name, on_key=True)
        given = asset or AssetEntry()
        if name in (given.deps or ()):
            entry.fault(f"{name!r} cannot be made from itself", *where, name, "deps")
        assets[name] = Asset.model_construct(
            name=name,
            deps=tuple(dict.fromkeys(given.deps or ())),
            checks=tuple(dict.fromkeys(given.checks or ())),
            group=given.group,
            description=given.description,
        )
    return assets


def _check_lineage(entry: Entry, assets: Mapping[str, Asset], steps: Mapping[str, Step]) -> None:
    """No asset of the job is made from itself, however far around, none by two steps, and each after what it
    is made from."""
    _check_circles(entry, assets, "assets")
    makers: dict[str, str] = {}
    for name, step in steps.items():
        _check_circles(entry, step.assets, "steps", name, "assets")
        for key in step.assets:
            if makers.setdefault(key, name) != name:
                said = f"{key!r} is made by the step {makers[key]!r} already"
                entry.fault(said, "steps", name, "assets", key, on_key=True)
    for name, step in steps.items():
        before = _before(name, steps)
        for key, asset in step.assets.items():
            for dep in asset.deps:
                maker = makers.get(dep, name)
                if maker != name and maker not in before:
                    said = f"{dep!r} is made by the step {maker!r}, which {name!r} does not need"
                    entry.fault(said, "steps", name, "assets", key, "deps")


def _with_last_assets(job: str, steps: dict[str, Step]) -> dict[str, Step]:
    """The steps of a job with assets; last ones that make none are assets themselves.

    Such steps publish or tidy up, and Dagster runs only what an asset comes of.
    """
    if not any(step.assets for step in steps.values()):
        return steps
    needed = {need for step in steps.values() for need in step.needs}
    found = dict(steps)
    for name in [name for name, step in steps.items() if not step.assets and name not in needed]:
        deps = [key for need in sorted(_before(name, steps)) for key in steps[need].assets]
        asset = Asset.model_construct(name=f"{job}/{name}", deps=tuple(deps))
        found[name] = steps[name].model_copy(update={"assets": {asset.name: asset}})
    return found


def _check_circles(entry: Entry, assets: Mapping[str, Asset], *where: str) -> None:
    deps = {name: [dep for dep in asset.deps if dep in assets] for name, asset in assets.items()}
    try:
        TopologicalSorter(deps).prepare()
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        said = f"the assets are made from each other: {' -> '.join(cycle)}"
        entry.fault(said, *where, cycle[0], "deps")


def _before(name: str, steps: Mapping[str, Step]) -> set[str]:
    """The steps that have succeeded when this one starts."""
    found: set[str] = set()
    ahead = list(steps[name].needs)
    while ahead:
        need = ahead.pop()
        if need not in found:
            found.add(need)
            ahead += steps[need].needs
    return found


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
        check_job_command(entry, step.command, entry.keys_below("params"), *where, "command")
        if step.queue is not None and written.executor == StepExecutor.IN_PROCESS:
            said = "with executor: in_process the steps run where the run does; give the job a queue"
            entry.fault(said, *where, "queue", on_key=True)
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
            assets=_assets(entry, step.assets, *where, "assets"),
            approve=approve(step.approve),
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

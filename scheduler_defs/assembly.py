"""Everything declared and built in, assembled for Dagster: for `definitions.py`, `check` and tests alike."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import dagster as dg

from resources import declared_resources
from scheduler_defs.agents.working.job import agent_task
from scheduler_defs.agents.working.landing.job import agent_landing
from scheduler_defs.declarations import Declarations
from scheduler_defs.declarations.models.declared import Job, Position, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.execution.dagster_patches.instigators import Target
from scheduler_defs.jobs.builtin import BUILTIN_ASSETS, BUILTIN_JOBS
from scheduler_defs.jobs.commands.one_command import one_command
from scheduler_defs.jobs.elsewhere import of_another_location
from scheduler_defs.jobs.elsewhere_name import OF_ANOTHER_LOCATION
from scheduler_defs.jobs.own_code import Loaded
from scheduler_defs.jobs.reports import BUILT_IN
from scheduler_defs.schedules import build_schedule
from scheduler_defs.upkeep.jobs import UPKEEP_ASSETS, UPKEEP_JOBS
from sensors import build_sensors
from sensors.agent_queues import agent_queue_assets

Given = Mapping[str, Any]
"""Resources by the name under which they are asked for."""

_log = logging.getLogger("signalbox.definitions")
_LONGEST_REASON = 500


class NotLoadableError(Exception):
    """Dagster would not take the declarations; the message is one line that says why.

    `source` is the place of the one that it is about, when it is about one.
    """

    def __init__(self, reason: str, source: Position | None = None) -> None:
        super().__init__(reason)
        self.source = source


def loadable(
    declarations: Declarations, own: Loaded | None = None, *, resources: Given | None = None
) -> dg.Definitions:
    """Dagster's view of the declarations, all of them, resolved as a code server would resolve it.

    `own`: the user's Python; a file that does not go with the rest is left out of it. `resources`: what jobs,
    assets and sensors are given; None: what is declared. Raises NotLoadableError for whatever else goes wrong
    on the way.
    """
    if own is None or not own.definitions:
        return _resolved(declarations, (), resources)
    try:
        return _resolved(declarations, own.definitions.values(), resources)
    except NotLoadableError:
        found = _resolved(declarations, (), resources)
    kept: list[dg.Definitions] = []
    for path, definitions in list(own.definitions.items()):
        try:
            found = _resolved(declarations, [*kept, definitions], resources)
            kept.append(definitions)
        except NotLoadableError as error:
            own.leave_out(path, str(error))
    return found


def _resolved(
    declarations: Declarations, own: Iterable[dg.Definitions], resources: Given | None
) -> dg.Definitions:
    try:
        definitions = build(declarations, own, leave_out=False, resources=resources)
        with warnings.catch_warnings():
            # Dagster warns of its own `owners`, when it copies a sensor whose job has been given resources.
            warnings.simplefilter("ignore", dg.BetaWarning)
            dg.Definitions.validate_loadable(definitions)
    except NotLoadableError:
        raise
    except Exception as error:
        raise NotLoadableError(_reason(error)) from error
    return definitions


def build(
    declarations: Declarations,
    own: Iterable[dg.Definitions] = (),
    *,
    leave_out: bool = True,
    resources: Given | None = None,
) -> dg.Definitions:
    """Dagster's view of a set of declarations, and of the user's `own` definitions.

    With `leave_out`, what cannot be built is left out and logged; else it is a NotLoadableError. `resources`:
    as for `loadable`.
    """
    make_each = _each if leave_out else _all
    jobs = [
        *BUILTIN_JOBS.values(),
        *UPKEEP_JOBS.values(),
        agent_task,
        agent_landing,
        one_command,
        *([of_another_location] if declarations.locations else []),
        *make_each("job", declarations.jobs.values(), partial(_build_sole_maker, _makers(declarations))),
    ]
    yours = list(own)
    offered = {job.name for job in (*jobs, *(job for each in yours for job in each.jobs or ()))}
    schedules = make_each(
        "schedule",
        (schedule for schedule in declarations.schedules.values() if _job_of(schedule) in offered),
        lambda schedule: build_schedule(declarations, schedule),
    )
    making = [
        job for job in declarations.jobs.values() if job.all_assets and dagster_name(job.name) in offered
    ]
    ours = dg.Definitions(
        assets=[
            *BUILTIN_ASSETS,
            *UPKEEP_ASSETS,
            *agent_queue_assets(declarations),
            *make_each("job", making, _assets_of),
        ],
        jobs=jobs,
        schedules=schedules,
        sensors=build_sensors(declarations, jobs),
        resources=declared_resources(declarations) if resources is None else resources,
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(ours, *yours) if yours else ours


def _job_of(schedule: Schedule) -> str:
    return OF_ANOTHER_LOCATION if schedule.elsewhere else dagster_name(schedule.job)


def _makers(declarations: Declarations) -> dict[str, str]:
    """Which job makes an asset: the first that is declared to."""
    makers = {name: name for name in BUILT_IN}
    for job in declarations.jobs.values():
        for asset in job.all_assets:
            makers.setdefault(asset, job.name)
    return makers


def _build_sole_maker(makers: Mapping[str, str], job: Job) -> Target:
    for asset in job.all_assets:
        if makers[asset] != job.name or asset in BUILT_IN:
            raise ValueError(f"assets: {asset}: the job {makers[asset]} makes it already")
    return build_job(job)


def _assets_of(job: Job) -> dg.AssetsDefinition:
    if job.steps:
        from scheduler_defs.jobs.commands.assets.of_steps import step_assets

        return step_assets(job)
    from scheduler_defs.jobs.commands.assets.of_command import command_assets

    return command_assets(job)


def build_job(job: Job) -> Target:
    """The Dagster job of a declared one."""
    if job.all_assets:
        from scheduler_defs.jobs.commands.assets.job import assets_job

        return assets_job(job)
    if job.steps:
        from scheduler_defs.jobs.commands.steps_job import build_steps_job

        return build_steps_job(job)
    from scheduler_defs.jobs.commands.job import build_command_job

    return build_command_job(job)


def _all(kind: str, declared: Iterable[Any], make: Callable[[Any], Any]) -> list[Any]:
    made: list[Any] = []
    for item in declared:
        try:
            made.append(make(item))
        except Exception as error:
            raise NotLoadableError(f"{kind} {item.name}: {_reason(error)}", item.source) from error
    return made


def _each(kind: str, declared: Iterable[Any], make: Callable[[Any], Any]) -> list[Any]:
    made: list[Any] = []
    for item in declared:
        try:
            made.append(make(item))
        except Exception:
            # A fault in one declaration never stops the others; `check` should have found it before.
            _log.exception("%s %s cannot be built and is left out (%s)", kind, item.name, item.source)
    return made


def _reason(error: BaseException) -> str:
    """What the error at the root of it says, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = " ".join(str(error).split())
    return (said or type(error).__name__)[:_LONGEST_REASON]

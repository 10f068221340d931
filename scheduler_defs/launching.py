"""How any run is launched: the one place that composes run config and tags.

Schedules, run-now, jobs launched by hand and the API all come through here, so that a run carries the same
tags whoever asked for it; an agent's work comes through `agents/launching.py`. Pure: nothing is launched
here. What others launch (the launchpad, `dagster job launch`, somebody's own sensor) is completed by
`execution/admission` with what `jobs/run_tags` says.
"""

from __future__ import annotations

import datetime as dt
import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import (
    Declarations,
    Directive,
    Position,
    Retries,
    Schedule,
)
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.elsewhere.target import Target, Together
from scheduler_defs.jobs.commands.spec import CONFIG
from scheduler_defs.jobs.elsewhere_name import OF_ANOTHER_LOCATION
from scheduler_defs.jobs.reports import BUILT_IN, op_name
from scheduler_defs.jobs.run_tags import job_tags, whole_seconds
from scheduler_defs.retries.backoff import first_attempt_tags


@dataclass(frozen=True)
class Launch:
    """All that Dagster needs to launch a run: job name, config, tags, and the key that makes it unique."""

    job: str
    run_config: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    run_key: str | None = None
    run_id: str | None = None
    """Of the run, where the ledger has given it one; None: any."""


def for_occurrence(
    declarations: Declarations,
    schedule: Schedule,
    scheduled_for: dt.datetime,
    together: Together | None = None,
) -> Launch:
    """The run for one occurrence of a schedule. The ledger gives it its run id: there is one at most.

    `together`: what it is one backfill with, itself included.
    """
    due = scheduled_for.isoformat()
    return _launch(
        declarations,
        schedule,
        trigger=tags.Trigger.SCHEDULE,
        extra={tags.SCHEDULED_FOR: due},
        due=scheduled_for,
        together=together,
        run_key=f"schedule:{schedule.name}:{due}",
    )


def for_run_now(
    declarations: Declarations,
    schedule: Schedule,
    *,
    config: Mapping[str, Any] | None = None,
    actor: str | None = None,
    reason: str | None = None,
    scheduled_for: dt.datetime | None = None,
) -> Launch:
    """A run of a schedule's job right now. `scheduled_for`: the occurrence that it anticipates, if any."""
    extra = _actor_tags(actor, reason)
    if scheduled_for is not None:
        extra[tags.SCHEDULED_FOR] = scheduled_for.isoformat()
    return _launch(
        declarations,
        schedule,
        trigger=tags.Trigger.RUN_NOW,
        extra=extra,
        config=config,
        due=scheduled_for or dt.datetime.now(dt.UTC),
    )


def for_job(
    declarations: Declarations,
    job: str,
    *,
    config: Mapping[str, Any] | None = None,
    trigger: tags.Trigger = tags.Trigger.MANUAL,
    actor: str | None = None,
    reason: str | None = None,
    directive: str | None = None,
) -> Launch:
    """A run of a job that no schedule asked for. Raises SignalboxError for an unknown directive."""
    chosen = _directive(declarations, directive)
    if (target := target_of(declarations, job)) is not None:
        run_tags = {
            tags.JOB: job,
            tags.TRIGGER: trigger.value,
            **_actor_tags(actor, reason),
            **first_attempt_tags(None),
            tags.ELSEWHERE: target.dumped(),
        }
        return Launch(OF_ANOTHER_LOCATION, dict(config or {}), run_tags)
    declared = declarations.jobs.get(job)
    run_tags = {
        **(job_tags(declared) if declared else {tags.JOB: job}),
        tags.TRIGGER: trigger.value,
        **_actor_tags(actor, reason),
        **_directive_tags(chosen),
    }
    return Launch(dagster_name(job), run_config(declarations, job, config or {}, chosen), run_tags)


def target_of(declarations: Declarations, job: str) -> Target | None:
    """What `LOCATION/JOB` names; None: it has no slash. Raises SignalboxError for an unknown location."""
    location, slash, name = job.partition("/")
    if not slash:
        return None
    if location not in declarations.locations or not name:
        allowed = ", ".join(sorted(declarations.locations)) or "none is declared"
        raise SignalboxError(f"there is no location {location!r}; declared: {allowed}")
    return Target(location, job=name)


def target_of_schedule(schedule: Schedule) -> Target:
    """What a schedule runs in another location. Raises ValueError for one of our own jobs."""
    there = schedule.elsewhere
    if there is None:
        raise ValueError(f"{schedule.name} runs {schedule.job}, which is no other location's")
    return Target(there.location, there.job, there.selection, there.partition, last=there.last)


def targets_elsewhere(declarations: Declarations) -> dict[str, tuple[Target, Position]]:
    """All that schedules and triggers run in other locations, and where it is declared, by key path."""
    found: dict[str, tuple[Target, Position]] = {}
    for schedule in declarations.schedules.values():
        if schedule.elsewhere is not None:
            target = target_of_schedule(schedule)
            key = "job" if target.selection is None else "assets"
            found[f"schedules.{schedule.name}.{key}"] = (target, schedule.source)
    for trigger in declarations.triggers.values():
        if (target := target_of(declarations, trigger.job)) is not None:
            found[f"triggers.{trigger.name}.job"] = (target, trigger.source)
    return found


def run_config(
    declarations: Declarations, job: str, config: Mapping[str, Any], directive: Directive | None
) -> dict[str, Any]:
    """Run config of a job: its parameters, and a snapshot of the directive that it runs under.

    Declared jobs take each parameter once, for all of their steps. A Python job of several ops takes its
    config as Dagster spells it, under `ops`.
    """
    values: dict[str, Any] = dict(config)
    if set(values) & {"ops", "execution", "resources", "loggers"}:
        return values
    if directive is not None:
        values["directive"] = {"name": directive.name, "digest": directive.digest, "text": directive.text}
    declared = declarations.jobs.get(job)
    if declared is not None and any(param.default is None for param in declared.params.values()):
        return {CONFIG: values}  # also an empty one, of which Dagster says what is missing
    if not values:
        return {}
    if declared is not None:
        return {CONFIG: values}
    if job in BUILT_IN:
        return {"ops": {op_name(job): {"config": values}}}
    return {"ops": {dagster_name(job): {"config": values}}}


def current_actor() -> str:
    """Who asks, when nothing better is known: the operating system's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _launch(
    declarations: Declarations,
    schedule: Schedule,
    *,
    trigger: tags.Trigger,
    extra: Mapping[str, str],
    due: dt.datetime,
    together: Together | None = None,
    config: Mapping[str, Any] | None = None,
    run_key: str | None = None,
) -> Launch:
    directive = _directive(declarations, schedule.directive)
    job = declarations.jobs.get(schedule.job)
    run_tags = {
        **(job_tags(job) if job else first_attempt_tags(None)),
        **schedule.tags,
        tags.JOB: schedule.job,
        tags.SCHEDULE: schedule.name,
        tags.TRIGGER: trigger.value,
        **(_retries_of_its_own(schedule.retries) if schedule.retries else {}),
        **_directive_tags(directive),
        **extra,
    }
    if schedule.priority:
        run_tags[tags.PRIORITY] = str(schedule.priority)
    if schedule.timeout is not None:
        run_tags[tags.MAX_RUNTIME] = whole_seconds(schedule.timeout)
    merged = {**schedule.config, **(config or {})}
    if schedule.elsewhere is not None:
        target = target_of_schedule(schedule).at(due.astimezone(schedule.zone)).among(together)
        run_tags[tags.ELSEWHERE] = target.dumped()
        return Launch(OF_ANOTHER_LOCATION, merged, run_tags, run_key)
    return Launch(
        dagster_name(schedule.job),
        run_config(declarations, schedule.job, merged, directive),
        run_tags,
        run_key,
    )


def _retries_of_its_own(retries: Retries) -> dict[str, str]:
    """Always with the policy: a single attempt must be said, too, where the job says several."""
    return {**first_attempt_tags(retries), tags.RETRIES: retries.model_dump_json()}


def _directive(declarations: Declarations, name: str | None) -> Directive | None:
    if name is None:
        return None
    if name not in declarations.directives:
        allowed = ", ".join(sorted(declarations.directives)) or "none is declared"
        raise SignalboxError(f"no directive {name!r}; declared: {allowed}")
    return declarations.directives[name]


def _directive_tags(directive: Directive | None) -> dict[str, str]:
    return {tags.DIRECTIVE: f"{directive.name}@{directive.digest[:12]}"} if directive else {}


def _actor_tags(actor: str | None, reason: str | None) -> dict[str, str]:
    found = {tags.ACTOR: actor or current_actor()}
    if reason:
        found[tags.REASON] = reason[:500]
    return found

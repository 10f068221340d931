"""How any run is launched: the one place that composes run config and tags.

Schedules, run-now, jobs launched by hand, the API and the agent queues all come through here, so that a run
carries the same tags (design section 4) whoever asked for it. Pure: nothing is launched here.
"""

from __future__ import annotations

import datetime as dt
import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs import tags
from scheduler_defs.declarations.models import Agent, Declarations, Directive, Retries, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.reports import REPORTS, op_name

AGENT_TASK = "agent_task"
"""The job in which an agent does a task."""
AGENT_TASK_OP = "agent_task_do"


@dataclass(frozen=True)
class Launch:
    """All that Dagster needs to launch a run: job name, config, tags, and the key that makes it unique."""

    job: str
    run_config: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    run_key: str | None = None


def for_occurrence(declarations: Declarations, schedule: Schedule, scheduled_for: dt.datetime) -> Launch:
    """The run for one occurrence of a schedule. Its key makes a second run for it impossible."""
    due = scheduled_for.isoformat()
    return _launch(
        declarations,
        schedule,
        trigger=tags.Trigger.SCHEDULE,
        extra={tags.SCHEDULED_FOR: due},
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
    return _launch(declarations, schedule, trigger=tags.Trigger.RUN_NOW, extra=extra, config=config)


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
    run_tags = {
        tags.JOB: job,
        tags.TRIGGER: trigger.value,
        **_actor_tags(actor, reason),
        **_directive_tags(chosen),
    }
    return Launch(dagster_name(job), run_config(declarations, job, config or {}, chosen), run_tags)


def for_task(
    agent: Agent,
    *,
    backend: str,
    queue: str,
    task: int,
    run_key: str,
    attempt: int,
    max_attempts: int,
    priority: int = 0,
) -> Launch:
    """A run in which an agent does a task. It is not retried as a run: the task is given out anew."""
    run_tags = {
        **agent.tags,
        tags.JOB: AGENT_TASK,
        tags.TRIGGER: tags.Trigger.AGENT_QUEUE.value,
        tags.AGENT: agent.name,
        tags.QUEUE: queue,
        tags.TASK: str(task),
        tags.ATTEMPT: str(attempt),
        tags.MAX_ATTEMPTS: str(max_attempts),
    }
    if priority:
        run_tags[tags.PRIORITY] = str(priority)
    if agent.timeout is not None:
        # The guard ends the command on time; this is for whatever hangs around it.
        run_tags[tags.MAX_RUNTIME] = str(round((agent.timeout + agent.grace).total_seconds()) + 60)
    if agent.celery_queue is not None:
        run_tags[tags.CELERY_QUEUE] = agent.celery_queue
    values = {
        "run_key": run_key,
        "backend": backend,
        "queue": queue,
        "task": task,
        "agent": agent.name,
        "max_attempts": max_attempts,
    }
    return Launch(AGENT_TASK, {"ops": {AGENT_TASK_OP: {"config": values}}}, run_tags, run_key)


def run_config(
    declarations: Declarations, job: str, config: Mapping[str, Any], directive: Directive | None
) -> dict[str, Any]:
    """Run config of a job: its parameters, and a snapshot of the directive that it runs under.

    Declared jobs with steps take the same parameters in every step. A Python job of several ops takes
    its config as Dagster spells it, under `ops`.
    """
    declared = declarations.jobs.get(job)
    values: dict[str, Any] = dict(config)
    if set(values) & {"ops", "execution", "resources", "loggers"}:
        return values
    if directive is not None:
        values["directive"] = {"name": directive.name, "digest": directive.digest, "text": directive.text}
    if not values:
        return {}
    if job in REPORTS:
        return {"ops": {op_name(job): {"config": values}}}
    names = declared.steps if declared is not None and declared.steps else [job]
    return {"ops": {dagster_name(name): {"config": values} for name in names}}


def retry_tags(retries: Retries | None) -> dict[str, str]:
    """What a run must carry so that its retries do not depend on the declaration being there later."""
    if retries is None or retries.max_attempts <= 1:
        return {tags.ATTEMPT: "1", tags.MAX_ATTEMPTS: "1"}
    return {
        tags.ATTEMPT: "1",
        tags.MAX_ATTEMPTS: str(retries.max_attempts),
        tags.RETRIES: retries.model_dump_json(),
    }


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
    config: Mapping[str, Any] | None = None,
    run_key: str | None = None,
) -> Launch:
    directive = _directive(declarations, schedule.directive)
    job = declarations.jobs.get(schedule.job)
    timeout = schedule.timeout or (job.timeout if job else None)
    retries = schedule.retries or (job.retries if job else None)
    run_tags = {
        **schedule.tags,
        tags.JOB: schedule.job,
        tags.SCHEDULE: schedule.name,
        tags.TRIGGER: trigger.value,
        **retry_tags(retries),
        **_directive_tags(directive),
        **extra,
    }
    priority = schedule.priority or (job.priority if job else 0)
    if priority:
        run_tags[tags.PRIORITY] = str(priority)
    if timeout is not None:
        run_tags[tags.MAX_RUNTIME] = str(max(1, round(timeout.total_seconds())))
    merged = {**schedule.config, **(config or {})}
    return Launch(
        dagster_name(schedule.job),
        run_config(declarations, schedule.job, merged, directive),
        run_tags,
        run_key,
    )


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

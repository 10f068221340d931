"""Launch a schedule's job or a job now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler_defs import launching, tags
from scheduler_defs.declarations import BUILTIN_JOBS
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.run_now import allow
from scheduler_defs.graphql.runs import launch
from scheduler_defs.graphql.schedules import instance_jobs
from scheduler_defs.launching import Launch


def run_now(client: GraphQLClient, schedule: Schedule, order: Launch, *, force: bool) -> dict[str, str]:
    """`{run_id, status}`. Raises SignalboxError when its overlap rule or a limit forbids it."""
    if not force:
        allow(client, schedule)
    return launch_order(client, order)


def is_job(client: GraphQLClient, declarations: Declarations, name: str) -> bool:
    """Whether a job is declared, built in, or written in Python."""
    location, slash, _ = name.partition("/")
    if slash:
        return location in declarations.locations
    return name in declarations.jobs or name in BUILTIN_JOBS or dagster_name(name) in instance_jobs(client)


def order_job(
    declarations: Declarations,
    name: str,
    *,
    config: Mapping[str, Any],
    actor: str,
    reason: str | None = None,
    directive: str | None = None,
) -> Launch:
    """What is to be launched for a job that somebody asks for through the API."""
    return launching.for_job(
        declarations,
        name,
        config=config,
        trigger=tags.Trigger.API,
        actor=actor,
        reason=reason,
        directive=directive,
    )


def launch_order(client: GraphQLClient, order: Launch) -> dict[str, str]:
    """`{run_id, status}`."""
    return launch(client, order.job, order.run_config, order.tags)

"""The runs that a pass asks for."""

from __future__ import annotations

import dagster as dg

from scheduler_defs.agents.landing.landings import Wanted
from scheduler_defs.agents.launching import for_landing, for_task
from scheduler_defs.agents.pool.assignments import Assignment
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.launching import Launch


def run_request(declarations: Declarations, assignment: Assignment) -> dg.RunRequest | None:
    """The run for an assignment; None when its agent is not declared any more."""
    agent = declarations.agents.get(assignment.agent)
    if agent is None:
        return None
    launch = for_task(
        agent,
        backend=declarations.task_queue.backend,
        queue=assignment.queue,
        task=assignment.task_id,
        run_key=assignment.run_key,
        attempt=assignment.attempt,
        max_attempts=assignment.max_attempts,
        priority=assignment.priority,
        accept=declarations.task_queue.for_queue(assignment.queue).accept,
    )
    return _request(launch)


def landing_request(wanted: Wanted) -> dg.RunRequest:
    """The run that lands what waits in a repository."""
    return _request(for_landing(repository=wanted.repository, run_key=wanted.key))


def _request(launch: Launch) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=launch.run_key, job_name=launch.job, run_config=launch.run_config, tags=launch.tags
    )

"""How an agent's work is launched, and how much of it at once. Pure, as `scheduler_defs/launching.py` is."""

from __future__ import annotations

import datetime as dt

from scheduler_defs import tags
from scheduler_defs.declarations.models.agents import Accept
from scheduler_defs.declarations.models.declared import Agent, Declarations
from scheduler_defs.execution.queue.capacity import AGENT_QUEUE
from scheduler_defs.launching import Launch

AGENT_TASK = "agent_task"
"""The job in which an agent does a task."""
AGENT_TASK_OP = "agent_task_do"
AGENT_LANDING = "agent_landing"
"""The job that puts accepted work onto its base."""
AGENT_LANDING_OP = "agent_landing_do"
_OF_GIT = dt.timedelta(hours=1)
"""For fetching, committing and pushing around an agent's work."""


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
    accept: Accept | None = None,
) -> Launch:
    """A run in which an agent does a task. It is not retried as a run: the task is given out anew.

    `accept`: what the queue says must succeed before a task is done.
    """
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
    longest = _longest(agent, accept)
    if longest is not None:
        # The guard ends the command on time; this is for whatever hangs around it.
        run_tags[tags.MAX_RUNTIME] = str(round(longest.total_seconds()) + 60)
    run_tags[tags.CELERY_QUEUE] = agent.celery_queue or AGENT_QUEUE
    values = {
        "run_key": run_key,
        "backend": backend,
        "queue": queue,
        "task": task,
        "agent": agent.name,
        "max_attempts": max_attempts,
    }
    return Launch(AGENT_TASK, {"ops": {AGENT_TASK_OP: {"config": values}}}, run_tags, run_key)


def _longest(agent: Agent, of_queue: Accept | None) -> dt.timedelta | None:
    """How long a run of the agent takes at most, all its turns and checks together; None: nobody knows."""
    if agent.timeout is None or agent.accept_from_task:
        return None
    accept, wanted = agent.accept or of_queue, agent.workspace
    turn = agent.timeout + agent.grace
    whole = turn
    if accept is not None:
        whole = (accept.rounds + 1) * (turn + len(accept.commands) * (accept.timeout + agent.grace))
    if wanted is not None:
        whole += len(wanted.setup) * wanted.setup_timeout + _OF_GIT
    return whole


def for_landing(*, repository: str, run_key: str) -> Launch:
    """A run that lands what waits in a repository."""
    run_tags = {
        tags.JOB: AGENT_LANDING,
        tags.TRIGGER: tags.Trigger.AGENT_QUEUE.value,
        tags.ATTEMPT: "1",
        tags.MAX_ATTEMPTS: "1",
    }
    values = {"repository": repository}
    return Launch(AGENT_LANDING, {"ops": {AGENT_LANDING_OP: {"config": values}}}, run_tags, run_key)


def agent_limits(declarations: Declarations) -> int | None:
    """What the limits of the agents come to whose runs go to the agents' own queue; None: there are none."""
    own = [agent for agent in declarations.agents.values() if agent.celery_queue in (None, AGENT_QUEUE)]
    return sum(agent.limit for agent in own if agent.enabled) if own else None

"""Declared agents and queues as matching sees them at one instant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from resources.agent_pool.agent_states import AgentState
from scheduler_defs.declarations.models import Agent, Declarations, QueueSettings, Retries
from scheduler_defs.execution.backoff import RetryPolicy, delay, is_retriable
from scheduler_defs.matching import Ageing, AgentView, Ending, Policy
from scheduler_defs.tags import Failure
from scheduler_defs.timing.windows import any_open

_UNKNOWN = AgentState()


def pool(
    declarations: Declarations,
    queue: str,
    *,
    loads: Mapping[str, int],
    states: Mapping[str, AgentState],
    now: dt.datetime,
) -> list[AgentView]:
    """The agents of a queue, in the order of the declarations."""
    return [
        agent_view(agent, load=loads.get(agent.name, 0), state=states.get(agent.name, _UNKNOWN), now=now)
        for agent in declarations.agents.values()
        if queue in agent.queues
    ]


def agent_view(agent: Agent, *, load: int, state: AgentState, now: dt.datetime) -> AgentView:
    """One agent now."""
    is_open = any_open(agent.working_hours, now)
    opens = None if is_open else min(window.next_open(now) for window in agent.working_hours)
    return AgentView(
        name=agent.name,
        limit=agent.limit,
        active=load,
        capabilities=frozenset(agent.capabilities),
        max_attempts=agent.retries.max_attempts,
        enabled=agent.enabled,
        mode=state.mode,
        in_working_hours=is_open,
        opens=opens,
        failed_starts=state.failed_starts,
        passed_over_until=state.passed_over_until,
        last_given=state.last_given,
    )


def policy_of(settings: QueueSettings) -> Policy:
    """How a queue orders its tasks."""
    ageing = settings.ageing
    return Policy(
        blocking=settings.blocking,
        ageing=Ageing(ageing.every, ageing.limit, ageing.first_after) if ageing else None,
    )


def wait_before_next(
    agent: Agent | None, attempt: int, ending: Ending, *, exit_code: int | None, task_id: int
) -> dt.timedelta | None:
    """How long a task waits after attempt number `attempt` has ended so; None: there is to be no other.

    Agents wait as schedules do. None for the agent means that it is not declared any more.
    """
    retries = agent.retries if agent else Retries()
    policy = RetryPolicy.model_validate(retries.model_dump(mode="json"))
    failure = _FAILURES.get(ending, Failure.ERROR)
    if not is_retriable(policy, failure.value, exit_code):
        return None
    return delay(policy, attempt, f"{task_id}:{attempt}")


_FAILURES = {
    Ending.TIMEOUT: Failure.TIMEOUT,
    Ending.WORKER_LOST: Failure.WORKER_LOST,
    Ending.EXIT_CODE: Failure.EXIT_CODE,
}

"""Declared agents and queues as matching sees them at one instant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from resources.agent_pool.agent_states import AgentState
from scheduler_defs.declarations.models import Agent, Declarations, QueueSettings, Retries
from scheduler_defs.declarations.models import Backoff as BackoffPolicy
from scheduler_defs.matching import Ageing, AgentView, Policy
from scheduler_defs.matching.backoff import Backoff
from scheduler_defs.timing.windows import any_open

_UNKNOWN = AgentState()


def served_queues(declarations: Declarations) -> tuple[str, ...]:
    """Queues that some agent serves, in the order of the declarations."""
    return tuple(dict.fromkeys(queue for agent in declarations.agents.values() for queue in agent.queues))


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


def backoff_of(retries: Retries | None) -> Backoff:
    """How long tasks wait between attempts; None (the agent is not declared any more): as by default."""
    retries = retries or Retries()
    match retries.backoff:
        case BackoffPolicy.NONE:
            base, factor = dt.timedelta(0), 1
        case BackoffPolicy.FIXED:
            base, factor = retries.base, 1
        case BackoffPolicy.EXPONENTIAL:
            base, factor = retries.base, 2
    return Backoff(base, factor, retries.cap, retries.jitter, retries.retry_on)

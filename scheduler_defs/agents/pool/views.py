"""Declared agents and queues as matching sees them at one instant."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from scheduler_defs.agents.deciding import Ageing, AgentView, Ending, Policy, quotas
from scheduler_defs.agents.deciding.quotas import PoolState
from scheduler_defs.agents.pool.agent_states import AgentState
from scheduler_defs.agents.usage.budgets import Budgets
from scheduler_defs.declarations.models.declared import Agent, Declarations, QueueSettings, Retries
from scheduler_defs.retries.backoff import RetryPolicy, delay, is_retriable
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
    quotas: Mapping[str, PoolState] = MappingProxyType({}),
    budgets: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> list[AgentView]:
    """The agents of a queue, in the order of the declarations. `budgets`: who has reached one, for which
    queue, in words."""
    active = Counter[str]()
    for agent in declarations.agents.values():
        active[quota_of(agent)] += loads.get(agent.name, 0)
    return [
        agent_view(
            agent,
            load=loads.get(agent.name, 0),
            state=states.get(agent.name, _UNKNOWN),
            now=now,
            quota=quotas.get(quota_of(agent)),
            pool_load=active[quota_of(agent)],
            budget=budgets.get((agent.name, queue), ""),
        )
        for agent in declarations.agents.values()
        if queue in agent.queues
    ]


def budgets_of(declarations: Declarations) -> Budgets:
    """The budgets over what the agents use."""
    return Budgets(declarations.budgets, declarations.task_queue.backend, declarations.agents)


def quota_of(agent: Agent) -> str:
    """The quota pool that an agent draws on; one of its own when it names none."""
    return agent.quota or f"agent:{agent.name}"


def agent_view(
    agent: Agent,
    *,
    load: int,
    state: AgentState,
    now: dt.datetime,
    quota: PoolState | None = None,
    pool_load: int = 0,
    budget: str = "",
) -> AgentView:
    """One agent now. `pool_load`: unfinished runs of all agents that draw on its quota pool."""
    is_open = any_open(agent.working_hours, now)
    opens = None if is_open else min(window.next_open(now) for window in agent.working_hours)
    return AgentView(
        name=agent.name,
        limit=agent.limit,
        active=load,
        capabilities=frozenset(agent.capabilities),
        max_attempts=agent.retries.max_attempts,
        enabled=agent.enabled,
        pull=agent.pull,
        mode=state.mode,
        mode_ends=state.ends,
        in_working_hours=is_open,
        opens=opens,
        failed_starts=state.failed_starts,
        passed_over_until=state.passed_over_until,
        last_given=state.last_given,
        quota=None if quota is None else quotas.view(quota_of(agent), quota, pool_load, now),
        budget=budget,
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

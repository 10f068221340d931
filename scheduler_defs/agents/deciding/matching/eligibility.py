"""Why a task cannot be given to anybody now: the texts that people and the command's JSON see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from scheduler_defs.agents.deciding.agents import AgentMode, AgentView
from scheduler_defs.agents.deciding.matching.candidates import Candidate, Kind
from scheduler_defs.agents.deciding.matching.policy import Policy, instant_text
from scheduler_defs.agents.deciding.quotas import QuotaView

_SHOWN = 5


def own_reason(task: Candidate, policy: Policy, now: dt.datetime) -> str | None:
    """Why the task itself cannot be placed now, whoever is free; None when it can.

    `now` decides in which time zone instants are written.
    """
    if policy.blocking and task.cycle:
        return f"cycle {cycle_text(task.cycle)}"
    if policy.blocking and task.blocked:
        return blocked_reason(task)
    if task.requested_for is not None:
        return f"run in progress for {task.requested_for}"
    if task.not_before is not None and task.not_before > now:
        return f"not before {instant_text(task.not_before, now)}"
    return None


def blocked_reason(task: Candidate) -> str:
    """`blocked by 12 (working), 13 (idle)`."""
    named = [f"{blocker.id} ({blocker.state})" for blocker in task.blockers[:_SHOWN]]
    more = len(task.blockers) - len(named)
    if more:
        named.append(f"{more} more")
    return "blocked by " + (", ".join(named) or "another task")


def cycle_text(cycle: Sequence[int]) -> str:
    """`3 -> 5 -> 3`: each task waits for the next."""
    return " -> ".join(map(str, cycle))


def able_agents(kind: Kind, agents: Iterable[AgentView]) -> tuple[AgentView, ...]:
    """The agents that may take tasks of this kind, busy or not: the assignee, or all with what it needs."""
    needs = frozenset(kind.capabilities)
    if kind.assigned_to is not None:
        return tuple(a for a in agents if a.name == kind.assigned_to and needs <= a.capabilities)
    return tuple(agent for agent in agents if needs <= agent.capabilities)


def nobody_able(kind: Kind, agents: Sequence[AgentView]) -> str:
    """Why no agent of the pool can ever take tasks of this kind as things are declared."""
    if not agents:
        return "no agent serves this queue"
    if kind.assigned_to is not None:
        assignee = next((agent for agent in agents if agent.name == kind.assigned_to), None)
        if assignee is None:
            return f"assigned to {kind.assigned_to}, which does not serve this queue"
        missing = sorted(frozenset(kind.capabilities) - assignee.capabilities)
        return f"needs {', '.join(missing)}, which {kind.assigned_to} has not"
    return f"needs {', '.join(kind.capabilities)}"


def nobody_free(able: Sequence[AgentView], loads: dict[str, int], now: dt.datetime) -> str:
    """Why none of the agents that could take a task does: `no free slot: vaela 3/3, damien paused`."""
    states = [(agent, agent_state(agent, loads[agent.name], now)) for agent in able]
    hours = {state for agent, state in states if not agent.in_working_hours and agent.enabled}
    if len(hours) == 1 and all(not agent.in_working_hours for agent in able):
        return hours.pop()
    shown = [f"{agent.name} {state}" for agent, state in states[:_SHOWN]]
    if len(states) > len(shown):
        shown.append(f"{len(states) - len(shown)} more")
    return "no free slot: " + ", ".join(shown)


def agent_state(agent: AgentView, load: int, now: dt.datetime) -> str:
    """One agent's state in two or three words: `3/3`, `paused`, `outside working hours`."""
    if not agent.enabled:
        return "disabled"
    if agent.pull:
        return "claims its tasks itself"
    if agent.mode is not AgentMode.ON:
        return agent.mode.value + (f" until {instant_text(agent.mode_ends, now)}" if agent.mode_ends else "")
    if not agent.in_working_hours:
        opening = f" until {instant_text(agent.opens, now)}" if agent.opens else ""
        return f"outside working hours{opening}"
    if agent.passed_over_until is not None and agent.passed_over_until > now:
        until = instant_text(agent.passed_over_until, now)
        return f"passed over until {until} after {agent.failed_starts} failed starts"
    if agent.quota is not None and agent.quota.left == 0:
        return quota_text(agent.quota, now)
    if agent.budget:
        return agent.budget
    return f"{load}/{agent.limit}"


def quota_text(quota: QuotaView, now: dt.datetime) -> str:
    """`quota claude-max closed until 14:10 (usage limit reached)`."""
    until = f" until {instant_text(quota.until, now)}" if quota.until else ""
    return f"quota {quota.name} closed{until} ({quota.why})"

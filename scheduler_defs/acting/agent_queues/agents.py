"""Agents as they are now, and what people tell them to do."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.deciding import AgentMode
from scheduler_defs.agents.deciding.matching.eligibility import agent_state
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool.agent_states import AgentState, set_mode, states
from scheduler_defs.agents.pool.assignments import Assignment
from scheduler_defs.agents.pool.views import agent_view
from scheduler_defs.agents.usage.records import quiet
from scheduler_defs.audit.entries import Action, Entry, on_behalf_of
from scheduler_defs.audit.store import record
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.errors import SignalboxError


def agent_objects(place: Place) -> list[dict[str, Any]]:
    """Every declared agent with its load and state."""
    with transaction(place.engine) as connection:
        known = states(connection)
        live = assignments.live(connection, place.task_queue.backend)
        still = quiet(connection, place.task_queue.backend)
    return [_shown(agent, known, live, still) for agent in place.declarations.agents.values()]


def agent_details(place: Place, agent: Agent) -> dict[str, Any]:
    """One agent: its declaration, its state, and the tasks that it works on."""
    with transaction(place.engine) as connection:
        known = states(connection)
        live = assignments.live(connection, place.task_queue.backend)
        still = quiet(connection, place.task_queue.backend)
    declared = agent.model_dump(mode="json", exclude={"name", "source", "queues", "limit", "working_hours"})
    return {
        **_shown(agent, known, live, still),
        **declared,
        "working_hours": [str(window) for window in agent.working_hours],
        "declared": str(agent.source),
        "tasks": [
            {
                "task": a.task_id,
                "queue": a.queue,
                "attempt": a.attempt,
                "run_id": a.run_id,
                "since": a.claimed_at,
            }
            for a in live
            if a.agent == agent.name
        ],
    }


def tell(
    place: Place,
    name: str,
    mode: str,
    *,
    reason: str | None,
    actor: str,
    until: dt.datetime | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """`on`, `paused` or `draining`: `{name, state, changed}`. Raises UnknownAgentError, SignalboxError."""
    place.agent(name)
    (told,) = _tell(place, [name], mode, reason, actor, until, dry_run)
    return told


def tell_all(
    place: Place,
    mode: str,
    *,
    reason: str | None,
    actor: str,
    until: dt.datetime | None = None,
    dry_run: bool = False,
) -> list[dict[str, Any]]:
    """The same to every declared agent, all or none."""
    return _tell(place, list(place.declarations.agents), mode, reason, actor, until, dry_run)


def _tell(
    place: Place,
    names: list[str],
    mode: str,
    reason: str | None,
    actor: str,
    until: dt.datetime | None,
    dry_run: bool,
) -> list[dict[str, Any]]:
    wanted = AgentMode(mode)
    if until is not None and until <= dt.datetime.now(dt.UTC):
        raise SignalboxError(f"a pause until {until.isoformat()} is over already")
    told: list[dict[str, Any]] = []
    with transaction(place.engine) as connection:
        known = states(connection)
        for name in names:
            before = known.get(name, AgentState())
            stays = before.mode is wanted and before.passed_over_until is None and before.ends == until
            told.append({"name": name, "state": wanted.value, "changed": not stays})
            if not dry_run:
                set_mode(connection, name, wanted, reason=reason, actor=actor, ends=until)
                if not stays:
                    record(connection, _told(name, before, wanted, reason, actor, until))
    return told


def _told(
    name: str,
    before: AgentState,
    wanted: AgentMode,
    reason: str | None,
    actor: str,
    until: dt.datetime | None,
) -> Entry:
    was: dict[str, Any] = {"state": before.mode.value}
    if before.passed_over_until is not None:
        was["passed_over_until"] = before.passed_over_until
    after: dict[str, Any] = {"state": wanted.value} | ({} if until is None else {"until": until})
    return Entry(Action.AGENT_STEERED, f"agent:{name}", was, after, acting=on_behalf_of(actor), reason=reason)


def load(place: Place, name: str) -> int:
    """How many slots of the agent are taken."""
    with transaction(place.engine) as connection:
        return assignments.loads(assignments.live(connection, place.task_queue.backend)).get(name, 0)


def _shown(agent: Agent, known: Any, live: list[Assignment], still: list[dict[str, Any]]) -> dict[str, Any]:
    now = dt.datetime.now().astimezone()
    state = known.get(agent.name, AgentState())
    own = [assignment for assignment in live if assignment.agent == agent.name]
    running = sum(assignment.claimed_at is not None for assignment in own)
    view = replace(agent_view(agent, load=len(own), state=state, now=now), pull=False)
    return {
        "name": agent.name,
        "queues": list(agent.queues),
        "limit": agent.limit,
        "active": view.active,
        "running": running,
        "requested": view.active - running,
        "state": "on" if view.takes_work(now) else agent_state(view, view.active, now),
        "reason": state.reason,
        "since": state.since,
        "until": state.ends,
        "failed_starts": state.failed_starts,
        "last_given": state.last_given,
        "quiet": [
            {"task": each["task_id"], "since": each["quiet_since"], "why": each["quiet_why"]}
            for each in still
            if each["agent"] == agent.name
        ],
    }

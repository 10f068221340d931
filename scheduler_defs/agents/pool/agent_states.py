"""What agents have been told to do (pause, drain), and how they fare: kept in Postgres."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.agents.deciding import AgentMode, cool_down
from scheduler_defs.agents.deciding.agents import COOL_DOWN_AFTER
from scheduler_defs.agents.pool.assignments import statement

START_WINDOW = dt.timedelta(seconds=10)
"""An agent's run that fails sooner than this counts as one that failed to start."""


@dataclass(frozen=True, slots=True)
class AgentState:
    """One agent's state. Agents that nothing is known of are on."""

    mode: AgentMode = AgentMode.ON
    reason: str | None = None
    actor: str | None = None
    since: dt.datetime | None = None
    last_given: dt.datetime | None = None
    failed_starts: int = 0
    passed_over_until: dt.datetime | None = None
    ends: dt.datetime | None = None
    """When a pause is over by itself."""


def states(connection: sa.Connection) -> Mapping[str, AgentState]:
    """All that something is known of."""
    return {
        row.agent: AgentState(
            AgentMode(row.state),
            row.reason,
            row.actor,
            row.since,
            row.last_given,
            row.failed_starts,
            row.passed_over_until,
            row.ends_at,
        )
        for row in connection.execute(statement("states"))
    }


def set_mode(
    connection: sa.Connection,
    agent: str,
    mode: AgentMode,
    *,
    reason: str | None,
    actor: str,
    ends: dt.datetime | None = None,
) -> None:
    """Pause (until `ends`, when it is given), drain or resume. Resuming also forgets failed starts."""
    values = {"agent": agent, "state": mode.value, "reason": reason, "actor": actor, "ends_at": ends}
    connection.execute(statement("set_state"), values)


def forgive(connection: sa.Connection, agents: Collection[str]) -> list[str]:
    """Let agents that are passed over for failed starts take work again; which of them were."""
    return sorted(connection.execute(statement("forgive"), {"agents": sorted(agents)}).scalars())


def note_given(connection: sa.Connection, agents: Collection[str], now: dt.datetime) -> None:
    """Work was given to these agents."""
    if agents:
        connection.execute(statement("given"), {"agents": sorted(set(agents)), "now": now})


def note_unready(connection: sa.Connection, agent: str, now: dt.datetime) -> None:
    """The agent cannot work, whatever the task: it is passed over at once, and longer each time."""
    failures = connection.execute(statement("failed_to_start"), {"agent": agent}).scalar_one()
    pause = cool_down(max(failures, COOL_DOWN_AFTER))
    connection.execute(statement("pass_over"), {"agent": agent, "until": now + pause})


def note_start(connection: sa.Connection, agent: str, *, failed: bool, now: dt.datetime) -> None:
    """A run of the agent got going, or failed to. After several failures in a row it is passed over."""
    if not failed:
        connection.execute(statement("started_well"), {"agent": agent})
        return
    failures = connection.execute(statement("failed_to_start"), {"agent": agent}).scalar_one()
    pause = cool_down(failures)
    if pause:
        connection.execute(statement("pass_over"), {"agent": agent, "until": now + pause})

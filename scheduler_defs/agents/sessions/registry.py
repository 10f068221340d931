"""The registry of agents' sessions. Reading it changes nothing; only a turn in a session renews it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.database.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")


class SessionState(StrEnum):
    """What a session is at."""

    WORKING = "working"
    """A turn of it goes on."""
    WAITING = "waiting"
    """It has asked a human."""
    LIMITED = "limited"
    """Its provider refuses work for a while."""
    ENDED = "ended"
    """Its last turn has ended, well or not. It can be gone on with."""
    LOST = "lost"
    """Its last turn was cut off: cancelled, or lost with its worker. Never stored: found out when read."""


def state_after(ending: Ending) -> SessionState:
    """What a session is at when its turn has ended so."""
    return {Ending.QUESTION: SessionState.WAITING, Ending.RATE_LIMITED: SessionState.LIMITED}.get(
        ending, SessionState.ENDED
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn in a session, with what it has used; nothing yet when it has just begun."""

    id: str
    cli: str
    backend: str
    task_id: int
    agent: str
    host: str
    workspace: str
    run_id: str
    state: SessionState
    turns: int = 0
    tokens: int = 0
    cached: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One session, with all that its turns have used."""

    id: str
    cli: str
    backend: str
    task_id: int
    agent: str
    host: str
    workspace: str | None
    run_id: str
    state: str
    turns: int
    tokens: int
    cached: int
    cost_usd: float | None
    began_at: dt.datetime
    last_seen: dt.datetime

    def document(self) -> dict[str, Any]:
        """The contract's object (docs: cli reference), and more."""
        return {
            "id": self.id,
            "task": self.task_id,
            "agent": self.agent,
            "cli": self.cli,
            "host": self.host,
            "workspace": self.workspace,
            "state": self.state,
            "tokens": self.tokens,
            "last_seen": self.last_seen,
            "cached": self.cached,
            "turns": self.turns,
            "cost_usd": self.cost_usd,
            "run_id": self.run_id,
            "began": self.began_at,
        }


def note(connection: sa.Connection, turn: Turn) -> None:
    """A turn has begun or ended."""
    names = (name for name in Turn.__slots__)
    values = {name: getattr(turn, name) for name in names}
    connection.execute(statement("note"), {**values, "state": turn.state.value})


def sessions(
    connection: sa.Connection,
    *,
    task_id: int | None = None,
    agent: str | None = None,
    id: str | None = None,
    before: dt.datetime | None = None,
    limit: int | None = None,
) -> list[Session]:
    """Those that fit, the last seen first."""
    values = {"task_id": task_id, "agent": agent, "id": id, "before": before, "limit": limit}
    return [Session(**row._mapping) for row in connection.execute(statement("sessions"), values)]


def prunable(connection: sa.Connection, before: dt.datetime) -> list[Session]:
    """Those that nobody has seen since then, and that no turn goes on in."""
    return [each for each in sessions(connection, before=before) if each.state != SessionState.WORKING]


def prune(connection: sa.Connection, chosen: Sequence[Session], before: dt.datetime) -> list[Session]:
    """Forget them; those that were there and still not seen. The programs' own files are left alone."""
    values = {"ids": [each.id for each in chosen], "clis": [each.cli for each in chosen], "before": before}
    gone = {(row.id, row.cli) for row in connection.execute(statement("prune"), values)}
    return [each for each in chosen if (each.id, each.cli) in gone]

"""The record of agents' turns: what each one has used so far, and whether it is quiet."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding.budgets import Use
from scheduler_defs.agents.usage.tally import Used
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Price

statement = NamedSql(Path(__file__).parent / "sql")

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class TurnOf:
    """Which turn: of which run, for which task, from when. `backend` is the task's queue's."""

    run_id: str
    turn: int
    backend: str
    task_id: int
    agent: str
    queue: str
    began_at: dt.datetime


def note(
    connection: sa.Connection,
    turn: TurnOf,
    use: Use,
    *,
    ended: dt.datetime | None = None,
    quiet_since: dt.datetime | None = None,
    quiet_why: str | None = None,
) -> None:
    """Note what a turn has used so far. Noting less than before changes nothing."""
    values = {**asdict(turn), **asdict(use), "ended_at": ended}
    quiet = {"quiet_since": quiet_since, "quiet_why": quiet_why}
    connection.execute(statement("note_turn"), {**values, **quiet})


def quiet(connection: sa.Connection, backend: str) -> list[dict[str, Any]]:
    """The turns that give no sign of life, the longest first: run_id, task_id, agent, queue, since, why."""
    return [dict(row._mapping) for row in connection.execute(statement("quiet"), {"backend": backend})]


def forget(connection: sa.Connection, before: dt.datetime) -> int:
    """Drop what began before then; how many turns."""
    return connection.execute(statement("forget_turns"), {"before": before}).rowcount


def cost_of(used: Used, price: Price | None) -> float | None:
    """What was used in US dollars: as the provider says, else by the price; None when neither is known.

    Tokens of which nobody says whether they went in or came out are taken for the dearer kind.
    """
    if used.cost_usd is not None or price is None or (used.tokens is None and used.cached is None):
        return used.cost_usd
    tokens, cached = used.tokens or 0, used.cached or 0
    if used.output is None:
        fresh = tokens * max(price.input, price.output)
    else:
        fresh = (tokens - used.output) * price.input + used.output * price.output
    return (fresh + cached * price.cached) / _MILLION


def use_of(used: Used, price: Price | None, seconds: float) -> Use:
    """The same as budgets count it."""
    cost = cost_of(used, price) or 0.0
    return Use(used.tokens or 0, used.cached or 0, used.turns or 0, cost, seconds)

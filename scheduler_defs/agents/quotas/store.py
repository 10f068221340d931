"""The state of the quota pools, in Postgres: every pass and every run knows of a rejection at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding.quotas import PoolState, Rejection, closed, opened, room_again
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Agent, Quota

statement = NamedSql(Path(__file__).parent / "sql")


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool's state, when it was closed, and by the rejection of which run."""

    state: PoolState
    closed_at: dt.datetime | None = None
    run_id: str | None = None


def pools(connection: sa.Connection) -> Mapping[str, Pool]:
    """All that were ever closed."""
    return {row.pool: _of(row) for row in connection.execute(statement("pools"))}


def _counted(
    connection: sa.Connection, quotas: Mapping[str, Quota], agents: Mapping[str, Agent], now: dt.datetime
) -> dict[str, PoolState]:
    """The pools whose window has no tokens left for agents, and when it has again."""
    found: dict[str, PoolState] = {}
    for name, quota in quotas.items():
        if quota.tokens is None or quota.window is None:
            continue
        members = [agent.name for agent in agents.values() if agent.quota == name]
        rows = connection.execute(statement("window"), {"agents": members, "since": now - quota.window})
        used = [(row.began_at, row.tokens) for row in rows]
        allowed = quota.tokens * (1 - quota.reserve)
        if (until := room_again(used, allowed, quota.window)) is not None:
            total = sum(tokens for _, tokens in used)
            found[name] = PoolState(
                until, f"{total:,} of {round(allowed):,} fresh tokens of its window are used"
            )
    return found


def states(
    connection: sa.Connection, quotas: Mapping[str, Quota], agents: Mapping[str, Agent], now: dt.datetime
) -> dict[str, PoolState]:
    """How the pools stand: closed by their provider or by people, or because agents have had their share."""
    found = {name: pool.state for name, pool in pools(connection).items()}
    for name, state in _counted(connection, quotas, agents, now).items():
        known = found.get(name, PoolState()).closed_until
        if known is None or state.closed_until is None or known < state.closed_until:
            found[name] = state
    return found


def close(
    connection: sa.Connection, pool: str, rejection: Rejection, *, run_id: str | None, now: dt.datetime
) -> PoolState:
    """Note that the provider refuses work."""
    known = _of(connection.execute(statement("lock_pool"), {"pool": pool}).one())
    state = closed(known.state, rejection, now)
    _keep(connection, pool, Pool(state, now, run_id))
    return state


def reopen(connection: sa.Connection, pool: str, began: dt.datetime) -> None:
    """Note that a run which began then got through to the provider."""
    known = pools(connection).get(pool)
    if known is None or known.state == PoolState():
        return
    locked = _of(connection.execute(statement("lock_pool"), {"pool": pool}).one())
    state = opened(locked.state, began, locked.closed_at)
    if state != locked.state:
        _keep(connection, pool, Pool(state))


def _keep(connection: sa.Connection, name: str, pool: Pool) -> None:
    values = {
        "pool": name,
        "closed_until": pool.state.closed_until,
        "reason": pool.state.reason,
        "rejections": pool.state.rejections,
        "closed_at": pool.closed_at,
        "run_id": pool.run_id,
    }
    connection.execute(statement("keep_pool"), values)


def _of(row: sa.Row[Any]) -> Pool:
    return Pool(PoolState(row.closed_until, row.reason, row.rejections), row.closed_at, row.run_id)

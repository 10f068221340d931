"""Tasks and agents for tests, with everything that does not matter left out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.agents.deciding import AgentView, Candidate

NOW = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)


def task(id: int, *, age: dt.timedelta = dt.timedelta(0), **fields: Any) -> Candidate:
    return Candidate(id=id, created=NOW - age, **fields)


def agent(name: str, limit: int = 1, active: int = 0, *has: str, **fields: Any) -> AgentView:
    fields.setdefault("max_attempts", 3)
    return AgentView(name, limit, active, frozenset(has), **fields)

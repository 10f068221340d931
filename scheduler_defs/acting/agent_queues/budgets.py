"""The budgets as they stand, and people who allow as much again."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.pool.views import budgets_of
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.usage.budgets import Counted
from scheduler_defs.audit.entries import Action, Entry
from scheduler_defs.audit.store import record
from scheduler_defs.errors import NotThereError, SignalboxError

ALLOWED = "As much again."


def budget_objects(place: Place) -> list[dict[str, Any]]:
    """Every budget that several tasks share, for each thing that it counts apart. Budgets of single tasks ask
    about these, and are one line without figures."""
    now = dt.datetime.now(dt.UTC)
    with transaction(place.engine) as connection:
        counted = budgets_of(place.declarations).counted(connection, now)
    single = [each for each in place.declarations.budgets.values() if "task" in each.per]
    return [_shown(each) for each in counted] + [
        {"name": each.name, "counts": "each task", "state": "open", "used": None, "limits": _limits(each, 0)}
        for each in single
    ]


def allow(place: Place, name: str, *, by: str, dry_run: bool = False) -> list[str]:
    """Allow as much again of everything that the budget counts apart and that is used up: what it was.

    Raises NotThereError, and SignalboxError when nothing of it is used up. A budget of single tasks
    is answered at the task.
    """
    known = place.declarations.budgets
    if name not in known:
        raise NotThereError(f"no budget {name!r}; there are {', '.join(known) or 'none'}")
    if "task" in known[name].per:
        raise SignalboxError(f"budget {name} counts each task: signalbox tasks answer ID TEXT")
    held, now = budgets_of(place.declarations), dt.datetime.now(dt.UTC)
    with transaction(place.engine) as connection:
        held.ask(connection, now)  # what no pass has noticed yet
        counted = [each for each in held.counted(connection, now) if each.budget.name == name]
        allowed = [
            each.bucket
            for each in counted
            if each.open_id is not None and inbox.answer(connection, each.open_id, ALLOWED, by=by)
        ]
        if not allowed:
            raise SignalboxError(f"budget {name}: nothing of it is used up")
        record(connection, Entry(Action.BUDGET_ALLOWED, f"budget:{name}", after={"counts": allowed}))
        if dry_run:
            connection.rollback()
    return allowed


def _shown(counted: Counted) -> dict[str, Any]:
    use = counted.use
    used = {
        "tokens": use.tokens,
        "cached_tokens": use.cached_tokens,
        "turns": use.turns,
        "cost_usd": round(use.cost_usd, 6),
        "seconds": round(use.seconds, 1),
    }
    return {
        "name": counted.budget.name,
        "counts": counted.bucket,
        "state": "open" if counted.over is None else "reached",
        "used": used,
        "limits": _limits(counted.budget, counted.granted),
    }


def _limits(budget: Any, granted: int) -> dict[str, Any]:
    given = {
        "tokens": budget.tokens,
        "cached_tokens": budget.cached_tokens,
        "turns": budget.turns,
        "cost_usd": budget.cost_usd,
        "seconds": budget.time.total_seconds() if budget.time else None,
    }
    return {name: value * (granted + 1) for name, value in given.items() if value is not None}

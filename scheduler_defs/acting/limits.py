"""Each limit in force, where it comes from, its use, and what waits behind it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from scheduler_defs.acting.place import transaction
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.queue.choice.explain import limit_use, why_waiting
from scheduler_defs.execution.queue.choice.read import QueueReader, QueueState
from scheduler_defs.limits import TagLimit, effective_limits


def limit_objects(engine: sa.Engine, declarations: Declarations) -> list[dict[str, Any]]:
    """`{key, value, limit, source, in_use, waiting}` of each. Raises NotReachableError."""
    state, in_force = _read(engine, declarations)
    return [asdict(row) for row in limit_use(state, in_force)]


def waits_for(engine: sa.Engine, declarations: Declarations, run_id: str) -> str | None:
    """The limit, the slots or the worker that a queued run waits for, as the queue itself would decide now.

    None for a run that waits for nothing: it goes out with the queue's next look, or has gone already.
    Raises NotReachableError.
    """
    state, in_force = _read(engine, declarations)
    return why_waiting(state, in_force, run_id)


def _read(engine: sa.Engine, declarations: Declarations) -> tuple[QueueState, list[TagLimit]]:
    in_force = list(effective_limits(declarations))
    with transaction(engine) as connection:
        return QueueReader(terms().silence).read(connection, in_force), in_force

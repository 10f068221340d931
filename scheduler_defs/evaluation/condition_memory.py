"""What conditional schedules remember between checks, in the database: edges survive restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.conditions.firing import Memory

_READ = sa.text("SELECT holds, fired, errors FROM signalbox.schedule_states WHERE schedule = :schedule")

_WRITE = sa.text(
    """
    INSERT INTO signalbox.schedule_states (schedule, holds, fired, errors)
    VALUES (:schedule, :holds, :fired, :errors)
    ON CONFLICT (schedule) DO UPDATE SET holds = :holds, fired = :fired, errors = :errors
    """
)


@dataclass
class ConditionMemory:
    """Reads and writes what one schedule remembers, a statement each."""

    engine: Callable[[], sa.Engine]

    def get(self, schedule: str) -> Memory:
        """What the last check left; nothing before the first."""
        with self.engine().connect() as connection:
            row = connection.execute(_READ, {"schedule": schedule}).first()
        return Memory() if row is None else Memory(row.holds, row.fired, row.errors)

    def put(self, schedule: str, memory: Memory) -> None:
        """Keep what this check leaves."""
        values = {
            "schedule": schedule,
            "holds": memory.holds,
            "fired": memory.fired,
            "errors": memory.errors,
        }
        with self.engine().begin() as connection:
            connection.execute(_WRITE, values)

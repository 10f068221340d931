"""From results to runs: level or edge, with a cooldown. Pure, with the clock passed in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum

from scheduler_defs.conditions.evaluating import Result
from scheduler_defs.declarations.models.conditions import Fire


@dataclass(frozen=True)
class Memory:
    """What a conditional schedule remembers between its checks."""

    holds: bool | None = None
    """The result that the last check left, None before the first. True only once its run was launched."""
    fired: dt.datetime | None = None
    """When the condition last started a run."""
    errors: int = 0
    """Checks in a row that ended in an error."""


class Why(StrEnum):
    """Why a check starts no run."""

    ERROR = "error"
    """It could not be found out."""
    FALSE = "false"
    """The condition does not hold."""
    HELD = "held"
    """It has held since its last run, and only becoming true counts."""
    COOLDOWN = "cooldown"
    """It is too soon after the last run."""


@dataclass(frozen=True)
class Firing:
    """Whether this check starts a run, why not if not, and what to remember."""

    why: Why | None
    """None: it starts one."""
    memory: Memory
    """To be kept when the run was launched, or when none was wanted."""
    memory_if_not_launched: Memory
    """To be kept when a run was wanted and a limit or overlap rule forbade it: the edge is not lost."""
    cooldown: dt.timedelta | None = None
    until: dt.datetime | None = None
    """When the cooldown ends."""

    @property
    def run(self) -> bool:
        """Whether this check starts a run."""
        return self.why is None


def decide(
    result: Result, *, fire: Fire, cooldown: dt.timedelta | None, memory: Memory, now: dt.datetime
) -> Firing:
    """What becomes of a check that ended in `result` (aware `now`: the occurrence that is checked).

    level: a run at every check that holds. edge: a run when the condition holds and did not at the last
    check that could tell (or there was none). An error neither starts a run nor makes the next true one an
    edge. During the cooldown after a run nothing starts; an edge that falls into it fires when it is over,
    if it still holds."""
    if result is Result.ERROR:
        return _no(Why.ERROR, replace(memory, errors=memory.errors + 1))
    memory = replace(memory, errors=0)
    if result is Result.FALSE:
        return _no(Why.FALSE, replace(memory, holds=False))
    if fire is Fire.EDGE and memory.holds:
        return _no(Why.HELD, memory)
    if cooldown is not None and memory.fired is not None and now < memory.fired + cooldown:
        return replace(_no(Why.COOLDOWN, memory), cooldown=cooldown, until=memory.fired + cooldown)
    return Firing(
        None,
        memory=replace(memory, holds=True, fired=now),
        memory_if_not_launched=replace(memory, holds=False),
    )


def _no(why: Why, memory: Memory) -> Firing:
    return Firing(why, memory, memory)

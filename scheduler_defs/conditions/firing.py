"""From results to runs: level or edge, with a cooldown. Pure, with the clock passed in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from scheduler_defs.conditions.evaluating import Result
from scheduler_defs.declarations.condition_models import Fire
from scheduler_defs.timing import format_duration


@dataclass(frozen=True)
class Memory:
    """What a conditional schedule remembers between its checks."""

    holds: bool | None = None
    """The result that the last check left, None before the first. True only once its run was launched."""
    fired: dt.datetime | None = None
    """When the condition last started a run."""
    errors: int = 0
    """Checks in a row that ended in an error."""


@dataclass(frozen=True)
class Firing:
    """Whether this check starts a run, why not if not, and what to remember."""

    run: bool
    reason: str
    memory: Memory
    """To be kept when the run was launched, or when none was wanted."""
    memory_if_not_launched: Memory
    """To be kept when a run was wanted and a limit or overlap rule forbade it: the edge is not lost."""


def decide(
    result: Result, *, fire: Fire, cooldown: dt.timedelta | None, memory: Memory, now: dt.datetime
) -> Firing:
    """What becomes of a check that ended in `result` at `now` (aware).

    level: a run at every check that holds. edge: a run when the condition holds and did not at the last
    check that could tell (or there was none). An error neither starts a run nor makes the next true one an
    edge. During the cooldown after a run nothing starts; an edge that falls into it fires when it is over,
    if it still holds."""
    if result is Result.ERROR:
        return _no(f"the condition could not be evaluated ({_in_a_row(memory.errors + 1)})", _failed(memory))
    memory = replace(memory, errors=0)
    if result is Result.FALSE:
        return _no("the condition does not hold", replace(memory, holds=False))
    if fire is Fire.EDGE and memory.holds:
        return _no("the condition has held since its last run (fire: edge)", memory)
    if cooldown is not None and memory.fired is not None and now < memory.fired + cooldown:
        over = (memory.fired + cooldown).isoformat(timespec="seconds")
        return _no(f"cooldown of {format_duration(cooldown)} until {over}", memory)
    return Firing(
        run=True,
        reason="",
        memory=replace(memory, holds=True, fired=now),
        memory_if_not_launched=replace(memory, holds=False),
    )


def _no(reason: str, memory: Memory) -> Firing:
    return Firing(False, reason, memory, memory)


def _failed(memory: Memory) -> Memory:
    return replace(memory, errors=memory.errors + 1)


def _in_a_row(errors: int) -> str:
    return "for the first time" if errors == 1 else f"{errors} times in a row"

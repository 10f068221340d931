"""One tick of one schedule."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from scheduler_defs import launching
from scheduler_defs.declarations.models import Declarations, Schedule
from scheduler_defs.evaluation.facts import Ledger, read_runs
from scheduler_defs.evaluation.rules import Do, decide
from scheduler_defs.timing import is_due, next_occurrence, zone


@dataclass(frozen=True)
class TickOutcome:
    """Launches for one tick, or the reason why there is none; `cancel` names runs to cancel first."""

    launches: tuple[launching.Launch, ...]
    reason: str
    cancel: tuple[str, ...] = ()


# One per code server: all its ticks decide over the same reading and the same grants.
_LEDGER = Ledger(read_runs)


def evaluate_tick(
    declarations: Declarations,
    schedule: Schedule,
    tick: dt.datetime,
    now: dt.datetime,
    ledger: Ledger = _LEDGER,
) -> TickOutcome:
    """Decide what becomes of the tick at `tick`, seen at `now`. Both are aware instants.

    Reads the database only when the tick is an occurrence.
    """
    del now
    if not is_due(schedule.timing, tick, schedule.policies):
        after = next_occurrence(schedule.timing, tick, schedule.policies)
        reason = f"not due; next at {after.isoformat()}" if after else "not due, and never again"
        return TickOutcome((), reason)
    due = tick.astimezone(zone(schedule.timezone))
    with ledger.lock:
        verdict = decide(schedule, ledger.active())
        if verdict.do is not Do.RUN:
            return TickOutcome((), verdict.reason)
        ledger.grant(schedule.job, schedule.name, due.isoformat())
    return TickOutcome((launching.for_occurrence(declarations, schedule, due),), "", verdict.cancel)

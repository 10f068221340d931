"""Which occurrences a tick may start, and which it disposes of by time alone. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace

from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.ledger.entries import Entry, Known, Outcome
from scheduler_defs.ledger.reasons import (
    BeforeEdit,
    Collapsed,
    Jitter,
    Late,
    Limit,
    Missed,
    NotCaughtUp,
    NotDue,
    Reason,
    Replaced,
    Withdrawn,
)
from scheduler_defs.timing import jitter_delay
from scheduler_defs.timing.decision import Fate, TickDecision
from scheduler_defs.timing.decision import decide as decide_by_time

MOST_LISTED = 100
"""Of the missed occurrences of one tick so many get an entry of their own; the oldest of them speaks for the
ones before."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An occurrence that may start now. `waiting`: the entry under which it has waited so far."""

    due: dt.datetime
    waiting: Known | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """What time alone says about a tick."""

    start: tuple[Candidate, ...]
    """To be decided further, oldest first."""
    disposed: tuple[Entry, ...]
    """Those that are dealt with: deferred by jitter, missed, too late, replaced, withdrawn."""
    missed: Missed | None
    """What those that start stand for."""
    nothing: Reason
    """Why there is nothing to say, when neither starts nor is disposed of anything."""


@dataclass(frozen=True, slots=True)
class Moments:
    """When the tick is, when it is looked at, and from when on the schedule counts."""

    tick: dt.datetime
    now: dt.datetime
    handled: dt.datetime | None
    """Everything up to there is accounted for."""
    since: dt.datetime | None
    """Its rule is in force since then."""
    on_since: dt.datetime | None = None
    resumed: dt.datetime | None = None

    @property
    def floor(self) -> dt.datetime | None:
        """What was due up to then is not this tick's business."""
        return max(
            (each for each in (self.since, self.on_since, self.resumed) if each is not None), default=None
        )


def by_time(schedule: Schedule, moments: Moments) -> TickDecision:
    """What is due at the tick, and what was missed before it."""
    policies = schedule.policies
    if policies.jitter and policies.misfire_grace is not None:
        policies = replace(policies, misfire_grace=policies.misfire_grace + policies.jitter)
    return decide_by_time(
        schedule.timing, policies, moments.tick, moments.now, moments.handled, moments.floor
    )


def candidates(
    schedule: Schedule,
    moments: Moments,
    decision: TickDecision,
    waiting: tuple[Known, ...],
    known: Collection[dt.datetime] = (),
) -> Candidates:
    """Sort out what was due and what waits: which may start, and what becomes of the others.

    `known`: occurrences that were decided for good before.
    """
    if moments.since is not None and moments.tick <= moments.since:
        # Dagster ticks for a new cron from its last look on; the rule counts from when it came into force.
        decision = TickDecision((), moments.tick)
        nothing: Reason = BeforeEdit(moments.since)
    else:
        nothing = NotDue(decision.following, decision.refusal)
    disposed = _left(decision, moments)
    start: list[Candidate] = []
    for held in waiting:
        entry = _no_longer(schedule, held, moments)
        if entry is not None:
            disposed.append(entry)
        else:
            start.append(Candidate(held.entry.due, held))
    held_back = {held.entry.due for held in waiting}
    start += [Candidate(due) for due in decision.run if due not in held_back and due not in known]
    ready: list[Candidate] = []
    for each in start:
        begins = each.due + jitter_delay(schedule.name, each.due, schedule.policies.jitter)
        if begins > moments.now:
            disposed.append(Entry(each.due, Outcome.DEFERRED, Jitter(begins)))
        else:
            ready.append(each)
    if len(ready) > 1 and (schedule.when is not None or not schedule.policies.catch_up.runs_each):
        newest = ready[-1].due
        replaced = [
            each
            for each in ready[:-1]
            if schedule.when is not None
            or (each.waiting is not None and isinstance(each.waiting.entry.reason, Limit))
        ]
        disposed += [Entry(each.due, Outcome.COLLAPSED, Replaced(newest)) for each in replaced]
        ready = [each for each in ready if each not in replaced]
    return Candidates(tuple(ready), tuple(disposed), _missed(decision), nothing)


def _left(decision: TickDecision, moments: Moments) -> list[Entry]:
    """Entries for the missed ones that do not run; if they are very many, the oldest speaks for the rest."""
    entries: list[Entry] = []
    listed = decision.left[-MOST_LISTED:]
    for each in listed:
        match each.fate:
            case Fate.COLLAPSED:
                into = decision.run[-1] if decision.run else moments.tick
                entries.append(Entry(each.due, Outcome.COLLAPSED, Collapsed(into)))
            case Fate.MISSED:
                entries.append(Entry(each.due, Outcome.MISSED, NotCaughtUp(decision.catch_up.value)))
            case Fate.MISFIRED:
                allowed = decision.grace if decision.grace is not None else dt.timedelta(0)
                entries.append(Entry(each.due, Outcome.MISFIRED, Late(moments.now - each.due, allowed)))
    if decision.left and (len(decision.left) > len(listed) or decision.uncounted):
        known = [each for each in (moments.handled, moments.floor) if each is not None]
        begin = max(known) if known else decision.left[0].due
        entries[0] = replace(entries[0], gap_since=begin)
    return entries


def _no_longer(schedule: Schedule, held: Known, moments: Moments) -> Entry | None:
    """What becomes of a waiting occurrence that may not start any more."""
    due, policies = held.entry.due, schedule.policies
    for moment, why in (
        (moments.since, "edited"),
        (moments.on_since, "switched off"),
        (moments.resumed, "paused"),
    ):
        if moment is not None and due <= moment:
            return Entry(due, Outcome.CANCELLED, Withdrawn(why))
    if policies.misfire_grace is not None:
        allowed = policies.misfire_grace + policies.jitter
        if moments.now - due > allowed:
            return Entry(due, Outcome.MISFIRED, Late(moments.now - due, allowed))
    return None


def _missed(decision: TickDecision) -> Missed | None:
    if not decision.run or not (decision.collapsed or decision.missed or decision.caught_up):
        return None
    oldest = min(
        [each.due for each in decision.left] + [due for due in decision.run if due != decision.handled]
    )
    return Missed(
        decision.collapsed,
        decision.missed,
        decision.caught_up,
        decision.catch_up.value,
        oldest,
        decision.uncounted,
    )

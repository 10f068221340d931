"""What a tick comes to, before any of it is written: reads the facts that it needs, applies pure rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from scheduler_defs.conditions.evaluating import evaluate as look
from scheduler_defs.conditions.firing import Firing, Memory, Why
from scheduler_defs.conditions.firing import decide as decide_by_condition
from scheduler_defs.declarations.models.declared import Condition, Schedule
from scheduler_defs.evaluation.candidates import Candidate, Candidates, Moments, candidates
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns
from scheduler_defs.evaluation.facts.pauses import Pause
from scheduler_defs.evaluation.rules import Do, Verdict
from scheduler_defs.evaluation.rules import decide as decide_by_runs
from scheduler_defs.ledger.entries import Checked, Entry, Outcome, Standing
from scheduler_defs.ledger.reasons import (
    ConditionError,
    Fired,
    Missed,
    NotCaughtUp,
    NotFired,
    Paused,
    Reason,
    RunEarly,
    Waited,
    Withdrawn,
)
from scheduler_defs.timing import CatchUp, TickDecision, is_due

Shown = tuple[tuple[Reason, Entry | None], ...]
"""Reasons in the order in which they are shown, each with the entry that it is about."""

_TOLD = frozenset({Outcome.RUN_EARLY, Outcome.DEFERRED, Outcome.MISFIRED, Outcome.CANCELLED})


@dataclass(frozen=True)
class Decision:
    """What a tick comes to."""

    entries: tuple[Entry, ...] = ()
    shown: Shown = ()
    missed: Missed | None = None
    """What the first launch stands for."""
    cancel: tuple[str, ...] = ()
    """Runs to cancel first."""
    failed: bool = False
    """The condition could not be looked at."""
    checked: Checked | None = None
    check_of: dt.datetime | None = None


@dataclass
class Deciding:
    """Decides ticks over one view of the instance."""

    runs: ActiveRuns
    pauses: Callable[[], Mapping[str, Pause]]
    anticipated: Callable[[str], Mapping[dt.datetime, str]]
    new_run_id: Callable[[], str]

    def decide(
        self,
        schedule: Schedule,
        moments: Moments,
        decision: TickDecision,
        standing: Standing,
        known: Collection[dt.datetime] = (),
        *,
        dry_run: bool = False,
    ) -> Decision:
        """Decide the tick, given what is due (`by_time`). `dry_run`: grant nothing.

        `known`: occurrences that were decided for good before.
        """
        pause = self.pauses().get(schedule.name)
        if pause is not None and pause.holds_at(moments.tick):
            return _paused(schedule, pause, moments.tick, standing)
        found = candidates(schedule, moments, decision, standing.waiting, known)
        early: list[Entry] = []
        if schedule.kind == "at" and found.start:
            early, found = _without(self.anticipated(schedule.name), found)
        if not found.start:
            return _nothing_to_start(found, early)
        if schedule.when is not None:
            return self._by_condition(schedule, schedule.when, found, moments, standing, dry_run=dry_run)
        return self._by_runs(schedule, found, moments, early, dry_run=dry_run)

    def _by_condition(
        self,
        schedule: Schedule,
        condition: Condition,
        found: Candidates,
        moments: Moments,
        standing: Standing,
        *,
        dry_run: bool,
    ) -> Decision:
        # Checks that were missed are not made up for: what matters is what holds now.
        due = found.start[-1].due
        was = standing.checked
        observed = look(condition, timezone=schedule.timezone, now=moments.now)
        firing = decide_by_condition(
            observed.result,
            fire=schedule.fire,
            cooldown=schedule.cooldown,
            memory=Memory(was.holds, was.fired, was.errors),
            now=moments.tick,
        )
        if not firing.run:
            failed = firing.why is Why.ERROR
            entry = Entry(
                due, Outcome.MISSED if failed else Outcome.SKIPPED, _not_fired(observed.text, firing)
            )
            return Decision(
                (*found.disposed, entry),
                _shown([entry]),
                failed=failed,
                checked=_checked(firing.memory),
                check_of=due,
            )
        decision = self._by_runs(schedule, found, moments, [], dry_run=dry_run)
        launched = any(each.outcome is Outcome.LAUNCHED for each in decision.entries)
        kept = firing.memory if launched else firing.memory_if_not_launched
        entries = tuple(
            replace(each, reason=Fired(observed.text)) if each.outcome is Outcome.LAUNCHED else each
            for each in decision.entries
        )
        seen = (Fired(observed.text), None)
        shown = (seen,) if launched else (*decision.shown, seen)
        return replace(
            decision, entries=entries, shown=shown, missed=None, checked=_checked(kept), check_of=due
        )

    def _by_runs(
        self, schedule: Schedule, found: Candidates, moments: Moments, early: list[Entry], *, dry_run: bool
    ) -> Decision:
        entries = [*early, *found.disposed]
        decided: list[Entry] = []
        leaving_out = {(schedule.name, each.due) for each in found.start}
        with self.runs.lock:
            # Overlap is decided once: occurrences that are caught up together do not skip each other.
            first = decide_by_runs(schedule, self.runs.active(leaving_out))
            verdict = first
            granted = 0
            for each in found.start:
                if granted and verdict.do is Do.RUN:
                    active = self.runs.active({(schedule.name, later.due) for later in found.start[granted:]})
                    verdict = decide_by_runs(schedule, active, overlap=False)
                entry = _entry(each, verdict, found.missed, moments.now, self.new_run_id)
                decided.append(entry)
                if verdict.do is Do.RUN:
                    granted += 1
                    if not dry_run:
                        self.runs.grant(schedule.job, schedule.name, each.due, entry.run_id)
        stopped = [each for each in decided if each.outcome is not Outcome.LAUNCHED]
        reasons: Shown = _shown(stopped[:1]) if not granted else ()
        if found.missed is not None:
            reasons = (*reasons, (found.missed, None))
        return Decision(
            (*entries, *decided),
            reasons,
            found.missed,
            first.cancel if granted else (),
        )


def _entry(
    candidate: Candidate,
    verdict: Verdict,
    missed: Missed | None,
    now: dt.datetime,
    new_run_id: Callable[[], str],
) -> Entry:
    match verdict.do:
        case Do.SKIP:
            return Entry(candidate.due, Outcome.SKIPPED, verdict.reason)
        case Do.DEFER:
            return Entry(candidate.due, Outcome.DEFERRED, verdict.reason)
        case Do.RUN:
            waiting = candidate.waiting.entry.reason if candidate.waiting is not None else None
            reason: Reason | None = missed
            if waiting is not None:
                reason = Waited(now - candidate.due, waiting.code)
            return Entry(candidate.due, Outcome.LAUNCHED, reason, new_run_id())


def _paused(schedule: Schedule, pause: Pause, tick: dt.datetime, standing: Standing) -> Decision:
    reason = Paused(pause.actor, pause.until, pause.reason)
    entries = [Entry(each.entry.due, Outcome.CANCELLED, Withdrawn("paused")) for each in standing.waiting]
    if is_due(schedule.timing, tick, schedule.policies):
        entries.append(Entry(tick, Outcome.SKIPPED, reason))
    return Decision(tuple(entries), ((reason, None),))


def _nothing_to_start(found: Candidates, early: Sequence[Entry]) -> Decision:
    entries = (*early, *found.disposed)
    reasons = _shown([each for each in entries if each.outcome in _TOLD])
    if not entries:
        reasons = ((found.nothing, None),)
    left = [each for each in entries if each.outcome in (Outcome.MISSED, Outcome.COLLAPSED)]
    if left:
        reasons = (*reasons, (_counted(left), None))
    return Decision(entries, reasons)


def _counted(left: Sequence[Entry]) -> Missed:
    """Missed occurrences without one that runs, in one reason."""
    collapsed = sum(each.outcome is Outcome.COLLAPSED for each in left)
    policies = [each.reason.catch_up for each in left if isinstance(each.reason, NotCaughtUp)]
    policy = policies[0] if policies else CatchUp.LATEST.value
    more = any(each.gap_since is not None for each in left)
    return Missed(collapsed, len(left) - collapsed, 0, policy, min(each.due for each in left), more)


def _without(taken: Mapping[dt.datetime, str], found: Candidates) -> tuple[list[Entry], Candidates]:
    """Entries for the occurrences that were run before their time, and the candidates without them."""
    early = [
        Entry(each.due, Outcome.RUN_EARLY, RunEarly(each.due, taken[each.due]), taken[each.due])
        for each in found.start
        if each.due in taken
    ]
    return early, replace(found, start=tuple(each for each in found.start if each.due not in taken))


def _not_fired(observed: str, firing: Firing) -> Reason:
    if firing.why is Why.ERROR:
        return ConditionError(observed, firing.memory.errors)
    return NotFired(observed, str(firing.why), firing.cooldown, firing.until)


def _checked(memory: Memory) -> Checked:
    return Checked(memory.holds, memory.fired, memory.errors)


def _shown(entries: Sequence[Entry]) -> Shown:
    return tuple((each.reason, each) for each in entries if each.reason is not None)

"""One tick of one schedule: facts in, launches or a reason out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from scheduler_defs import launching, tags
from scheduler_defs.conditions.evaluating import Result, evaluate
from scheduler_defs.conditions.firing import decide as decide_by_condition
from scheduler_defs.declarations.models import Condition, Declarations, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.condition_memory import ConditionMemory
from scheduler_defs.evaluation.facts import Ledger
from scheduler_defs.evaluation.memory import HandledOccurrences
from scheduler_defs.evaluation.pauses import Pause
from scheduler_defs.evaluation.rules import Do, Verdict
from scheduler_defs.evaluation.rules import decide as decide_by_runs
from scheduler_defs.timing import CatchUp, jitter_delay
from scheduler_defs.timing.decision import TickDecision
from scheduler_defs.timing.decision import decide as decide_by_time

SwitchedOn = Callable[[], Mapping[str, dt.datetime]]


@dataclass(frozen=True)
class TickOutcome:
    """Launches for one tick, or the reason why there is none; `cancel` names runs to cancel first.

    `failed`: it could not be decided; the tick is an error, and `reason` says of what.
    """

    launches: tuple[launching.Launch, ...] = ()
    reason: str = ""
    cancel: tuple[str, ...] = ()
    failed: bool = False


def _nothing_anticipated(_schedule: str) -> Mapping[dt.datetime, str]:
    return {}


@dataclass
class Evaluator:
    """Evaluates ticks over one view of the instance: one per code server, shared by its threads."""

    ledger: Ledger
    handled: HandledOccurrences
    conditions: ConditionMemory
    pauses: Callable[[], Mapping[str, Pause]]
    anticipated: Callable[[str], Mapping[dt.datetime, str]] = _nothing_anticipated
    """Occurrences of an `at` schedule that were run before their time, with the runs."""
    _deferred: set[str] = field(default_factory=set)

    def evaluate(
        self,
        declarations: Declarations,
        schedule: Schedule,
        tick: dt.datetime,
        now: dt.datetime,
        switched_on: SwitchedOn,
    ) -> TickOutcome:
        """Decide what becomes of the tick at `tick`, seen at `now`: aware instants.

        `switched_on` says since when schedules are on, by Dagster name. It is asked only when something seems
        to have been missed: what fell due while a schedule was off was not.
        """
        pause = self.pauses().get(schedule.name)
        if pause is not None and pause.holds_at(tick):
            return TickOutcome(reason=_paused(pause))
        decision = self._by_time(schedule, tick, now, pause, switched_on)
        if schedule.kind == "at" and decision.run:
            decision = _without(self.anticipated(schedule.name), decision)
            if not decision.run:
                self.handled.note(schedule.name, decision.handled)
        if not decision.run:
            first = self.handled.get(schedule.name) is None
            if first or decision.collapsed or decision.missed or decision.misfired:
                self.handled.note(schedule.name, decision.handled)
            return TickOutcome(reason=decision.reason)
        if schedule.when is not None:
            return self._by_condition(declarations, schedule, schedule.when, decision, now)
        return self._by_runs(declarations, schedule, decision, now)

    def _by_condition(
        self,
        declarations: Declarations,
        schedule: Schedule,
        condition: Condition,
        decision: TickDecision,
        now: dt.datetime,
    ) -> TickOutcome:
        observed = evaluate(condition, timezone=schedule.timezone, now=now)
        firing = decide_by_condition(
            observed.result,
            fire=schedule.fire,
            cooldown=schedule.cooldown,
            memory=self.conditions.get(schedule.name),
            now=now,
        )
        if not firing.run:
            self.conditions.put(schedule.name, firing.memory)
            self.handled.note(schedule.name, decision.handled)
            reason = f"{observed.text}; {firing.reason}"
            return TickOutcome(reason=reason, failed=observed.result is Result.ERROR)
        # Checks that were missed are not made up for: what matters is what holds now.
        outcome = self._by_runs(
            declarations, schedule, replace(decision, run=decision.run[-1:], reason=observed.text), now
        )
        kept = firing.memory if outcome.launches else firing.memory_if_not_launched
        self.conditions.put(schedule.name, kept)
        return outcome

    def _by_time(
        self,
        schedule: Schedule,
        tick: dt.datetime,
        now: dt.datetime,
        pause: Pause | None,
        switched_on: SwitchedOn,
    ) -> TickDecision:
        policies = schedule.policies
        if policies.jitter and policies.misfire_grace is not None:
            policies = replace(policies, misfire_grace=policies.misfire_grace + policies.jitter)
        if schedule.name in self._deferred:
            # It was on time, and a limit or its jitter held it back: that is not a missed occurrence.
            policies = replace(policies, catch_up=CatchUp.LATEST)
        last = self.handled.get(schedule.name)
        resumed = pause.until if pause is not None else None
        decision = decide_by_time(schedule.timing, policies, tick, now, last, resumed)
        late = tuple(due for due in decision.run if due != tick)
        # A schedule that was never looked at may have been due before: since it was switched on.
        missed = late or decision.collapsed or decision.missed or decision.misfired
        if last is not None and not missed:
            return decision
        on_since = switched_on().get(dagster_name(schedule.name))
        since = max((moment for moment in (resumed, on_since) if moment is not None), default=None)
        if since is None or (last is not None and since <= last):
            return decision
        return decide_by_time(schedule.timing, policies, tick, now, last, since)

    def _by_runs(
        self, declarations: Declarations, schedule: Schedule, decision: TickDecision, now: dt.datetime
    ) -> TickOutcome:
        launches: list[launching.Launch] = []
        with self.ledger.lock:
            # Overlap is decided once: occurrences that are caught up together do not skip each other.
            first = decide_by_runs(schedule, self.ledger.active())
            verdict = first
            for due in decision.run:
                if launches:
                    verdict = decide_by_runs(schedule, self.ledger.active(), overlap=False)
                start = due + jitter_delay(schedule.name, due, schedule.policies.jitter)
                if start > now:
                    verdict = Verdict(Do.DEFER, f"starts at {start.isoformat(timespec='seconds')} (jitter)")
                if verdict.do is not Do.RUN:
                    break
                self.ledger.grant(schedule.job, schedule.name, due.isoformat())
                launches.append(launching.for_occurrence(declarations, schedule, due))
        self._remember(schedule, decision, verdict, len(launches))
        if not launches:
            return TickOutcome(reason="; ".join(filter(None, (verdict.reason, decision.reason))))
        if decision.reason:
            launches[0] = replace(launches[0], tags={**launches[0].tags, tags.MISSED: decision.reason})
        return TickOutcome(tuple(launches), decision.reason, first.cancel)

    def _remember(self, schedule: Schedule, decision: TickDecision, verdict: Verdict, launched: int) -> None:
        if verdict.do is not Do.DEFER:
            self._deferred.discard(schedule.name)
            self.handled.note(schedule.name, decision.handled)
            return
        self._deferred.add(schedule.name)
        waiting = decision.run[launched]
        self.handled.note(schedule.name, waiting - dt.timedelta(seconds=1))


def _without(taken: Mapping[dt.datetime, str], decision: TickDecision) -> TickDecision:
    """The decision without the occurrences that were run before their time."""
    left = tuple(due for due in decision.run if due not in taken)
    reasons = [decision.reason] if decision.reason else []
    reasons += [
        f"{due.isoformat(timespec='minutes')} was run before its time (run {taken[due][:8]})"
        for due in decision.run
        if due in taken
    ]
    return replace(decision, run=left, reason="; ".join(reasons))


def _paused(pause: Pause) -> str:
    until = f"until {pause.until.isoformat(timespec='minutes')}" if pause.until else "until resumed"
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused {until} by {pause.actor}{why}"

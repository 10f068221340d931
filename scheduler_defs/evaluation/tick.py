"""One tick of one schedule: decide (`deciding`), write that down as a whole, and launch what was written.

What is decided becomes irrevocable when its entries are in the ledger, under its unique key. Launches take
their run ids from there, so a tick that is evaluated again asks for the same runs. A dry run ends after
deciding.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from types import MappingProxyType

from scheduler_defs import launching, tags
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.candidates import Moments, by_time
from scheduler_defs.evaluation.deciding import Deciding, Decision
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns
from scheduler_defs.evaluation.facts.pauses import Pause
from scheduler_defs.evaluation.wording import text
from scheduler_defs.execution.elsewhere.target import Together, together
from scheduler_defs.ledger.book import Book
from scheduler_defs.ledger.entries import Decided, Entry, Known, Outcome, Standing
from scheduler_defs.ledger.reasons import ConditionError, DecidedBefore, Missed
from scheduler_defs.timing import CatchUp, TickDecision, is_due
from scheduler_defs.timing.instants import MINUTE, in_zone

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


def _no_version(_declarations: Declarations) -> int | None:
    return None


def _new_run_id() -> str:
    return str(uuid.uuid4())


class Evaluator:
    """Evaluates ticks over one view of the instance: one per code server, shared by its threads."""

    def __init__(
        self,
        runs: ActiveRuns,
        book: Book,
        pauses: Callable[[], Mapping[str, Pause]],
        anticipated: Callable[[str], Mapping[dt.datetime, str]] = _nothing_anticipated,
        in_force: Callable[[Declarations], int | None] = _no_version,
        new_run_id: Callable[[], str] = _new_run_id,
        counting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`anticipated`: occurrences of an `at` schedule that were run before their time, with the runs.

        `in_force` writes down that these declarations are in force, once, and gives their version's number.
        `counting` is held from counting runs until the ledger has what was decided, where there is a limit.
        """
        self.runs = runs
        self.book = book
        self._pauses = pauses
        self._in_force = in_force
        self._counting = counting
        self._deciding = Deciding(runs, pauses, anticipated, new_run_id)

    def evaluate(
        self,
        declarations: Declarations,
        schedule: Schedule,
        tick: dt.datetime,
        now: dt.datetime,
        switched_on: SwitchedOn,
        *,
        dry_run: bool = False,
    ) -> TickOutcome:
        """Decide what becomes of the tick at `tick`, seen at `now` (aware instants), and write it down.

        `switched_on` says since when schedules are on, by Dagster name. It is asked only when something seems
        to have been missed: what fell due while a schedule was off was not. `dry_run`: decide as if the tick
        was looked at in time, and write, grant and launch nothing.
        """
        if dry_run:
            return self._preview(declarations, schedule, tick)
        version = self._in_force(declarations)
        standing = self.book.standing(schedule.name)
        before: list[Known] = []
        if standing.handled is not None and standing.handled >= tick:
            # It was interrupted before its runs were there, or the clock was set back.
            before = self.book.decided(schedule.name, tick, [tick])
            if not any(map(_is_open, before)) and (
                before or is_due(schedule.timing, tick, schedule.policies)
            ):
                return _answer(declarations, schedule, before, standing)
        moments, due = self._moments(schedule, tick, now, standing, switched_on)
        known = {each.entry.due for each in before if not _is_open(each)}
        others = (*standing.ordered, *before)
        counts = (due.run or standing.waiting) and (schedule.max_global or schedule.max_per_job)
        with self._counting() if counts else nullcontext():
            decision = self._deciding.decide(schedule, moments, due, standing, known)
            entries = decision.entries
            theirs: list[Known] = []
            if entries:
                entries, theirs = self._write(schedule, moments, standing, decision, version)
        if theirs and not any(each.outcome is Outcome.LAUNCHED for each in entries):
            return _answer(declarations, schedule, theirs, standing)
        others = (*others, *theirs)
        return _outcome(declarations, schedule, decision, entries, others)

    def _preview(self, declarations: Declarations, schedule: Schedule, tick: dt.datetime) -> TickOutcome:
        standing = Standing(checked=self.book.standing(schedule.name).checked)
        moments = Moments(tick, tick, tick - MINUTE, None)
        due = by_time(schedule, moments)
        decision = self._deciding.decide(schedule, moments, due, standing, dry_run=True)
        found = _outcome(declarations, schedule, decision, decision.entries, ())
        return replace(found, launches=tuple(replace(each, run_id=None) for each in found.launches))

    def _moments(
        self,
        schedule: Schedule,
        tick: dt.datetime,
        now: dt.datetime,
        standing: Standing,
        switched_on: SwitchedOn,
    ) -> tuple[Moments, TickDecision]:
        pause = self._pauses().get(schedule.name)
        ended = pause is not None and pause.until is not None and pause.until <= tick
        resumed = pause.until if pause is not None and ended else None
        moments = Moments(tick, now, standing.handled, standing.since, None, resumed)
        decision = by_time(schedule, moments)
        late = decision.left or any(due != tick for due in decision.run)
        unknown = standing.handled is None and standing.since is None
        if not (late or standing.waiting or unknown):
            return moments, decision
        on_since = switched_on().get(dagster_name(schedule.name))
        if on_since is None or (standing.handled is not None and on_since <= standing.handled):
            return moments, decision
        moments = replace(moments, on_since=on_since)
        return moments, by_time(schedule, moments)

    def _write(
        self,
        schedule: Schedule,
        moments: Moments,
        standing: Standing,
        decision: Decision,
        version: int | None,
    ) -> tuple[tuple[Entry, ...], list[Known]]:
        """The entries that are ours, and those that somebody else has written instead: they count."""
        handled = moments.tick if standing.handled is None else max(moments.tick, standing.handled)
        decided = Decided(
            schedule=schedule.name,
            job=schedule.job,
            tick=moments.tick,
            at=moments.now,
            handled=handled,
            entries=decision.entries,
            checked=decision.checked or standing.checked,
            check_of=decision.check_of,
            version=version,
        )
        launched = [each.due for each in decision.entries if each.outcome is Outcome.LAUNCHED]
        try:
            written = self.book.write(decided)
        except Exception:
            for due in launched:
                self.runs.withdraw(schedule.name, due)
            raise
        lost = [each.due for each in decision.entries if each.due not in written]
        if not lost:
            return decision.entries, []
        for due in lost:
            self.runs.withdraw(schedule.name, due)
        mine = tuple(each for each in decision.entries if each.due in written)
        return mine, self.book.decided(schedule.name, moments.tick, lost)


def _is_open(known: Known) -> bool:
    """Whether an entry may still change in the tick that wrote it."""
    return known.entry.outcome is Outcome.DEFERRED or isinstance(known.entry.reason, ConditionError)


def _answer(
    declarations: Declarations, schedule: Schedule, found: Sequence[Known], standing: Standing
) -> TickOutcome:
    """What the ledger says of a tick that was decided before."""
    asked = [each for each in (*standing.ordered, *found) if each.is_to_be_launched]
    launches = _launches(declarations, schedule, [each.entry for each in asked], _told(asked))
    if launches:
        return TickOutcome(launches)
    own = found[-1].entry if found else None
    if own is not None and own.reason is not None and own.outcome is not Outcome.LAUNCHED:
        return TickOutcome(reason=text(own.reason, own.due))
    return TickOutcome(reason=text(DecidedBefore(own.outcome.value if own else None)))


def _outcome(
    declarations: Declarations,
    schedule: Schedule,
    decision: Decision,
    entries: Sequence[Entry],
    others: Sequence[Known],
) -> TickOutcome:
    mine = [each for each in entries if each.outcome is Outcome.LAUNCHED]
    before = [each for each in others if each.is_to_be_launched]
    told = {mine[0].due: decision.missed} if mine and decision.missed is not None else {}
    entries = [*(each.entry for each in before), *mine]
    launches = _launches(declarations, schedule, entries, {**_told(before), **told})
    said = [
        text(
            reason,
            in_zone(entry.due, schedule.timing.place) if entry else None,
            deferred=entry is not None and entry.outcome is Outcome.DEFERRED,
        )
        for reason, entry in decision.shown
    ]
    reason = "; ".join(filter(None, said))
    return TickOutcome(launches, reason, decision.cancel, decision.failed and not launches)


def _told(known: Sequence[Known]) -> dict[dt.datetime, Missed]:
    """What the first run of each tick stands for, as that tick has said: it may have died before its runs."""
    found: dict[dt.datetime | None, tuple[dt.datetime, Missed]] = {}
    for each in sorted(known, key=lambda each: each.entry.due):
        if isinstance(each.entry.reason, Missed):
            found.setdefault(each.tick, (each.entry.due, each.entry.reason))
    return dict(found.values())


def _launches(
    declarations: Declarations,
    schedule: Schedule,
    entries: Sequence[Entry],
    told: Mapping[dt.datetime, Missed] = MappingProxyType({}),
) -> tuple[launching.Launch, ...]:
    """A launch for each occurrence, under its entry's run id; `told`: what it stands for."""
    found: dict[dt.datetime, launching.Launch] = {}
    for entry in entries:
        if entry.due in found:
            continue
        due = in_zone(entry.due, schedule.timing.place)
        launch = launching.for_occurrence(declarations, schedule, due, _together(schedule, entry, entries))
        missed = told.get(entry.due)
        said = {tags.MISSED: text(missed)} if missed is not None else {}
        found[entry.due] = replace(launch, run_id=entry.run_id, tags={**launch.tags, **said})
    return tuple(found.values())


def _together(schedule: Schedule, entry: Entry, entries: Sequence[Entry]) -> Together | None:
    """What an occurrence is one backfill with; None: it is no part of one."""
    missed = entry.reason
    if not isinstance(missed, Missed) or missed.catch_up != CatchUp.BACKFILL:
        return None
    since = missed.since
    dues = {each.due for each in entries if isinstance(each.reason, Missed) and each.reason.since == since}
    return together(schedule.name, missed.since, [due.astimezone(schedule.zone) for due in sorted(dues)])

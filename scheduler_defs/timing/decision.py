"""What one tick of a schedule does: which occurrences to run, and what became of the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile

from scheduler_defs.timing.durations import format_duration
from scheduler_defs.timing.instants import MINUTE, in_zone, utc
from scheduler_defs.timing.occurrences import is_due, next_occurrence, occurrences, previous_occurrence
from scheduler_defs.timing.policies import MOST_CAUGHT_UP, CatchUp, Policies
from scheduler_defs.timing.specs import Spec

IN_TIME = timedelta(minutes=2)
"""How late a tick may be and still count as in time for `catch_up: none`, unless `misfire_grace` says."""

MOST_COUNTED = 1_000
"""Missed occurrences are counted up to this many."""


class Fate(StrEnum):
    """What becomes of a missed occurrence that does not run."""

    COLLAPSED = "collapsed"
    """A later one stands for it."""
    MISSED = "missed"
    """Nobody catches up with it."""
    MISFIRED = "misfired"
    """It is too late for its grace."""


@dataclass(frozen=True, slots=True)
class Left:
    """An occurrence that does not run."""

    due: datetime
    fate: Fate


@dataclass(frozen=True, slots=True)
class TickDecision:
    """The occurrences to run, oldest first, and how many others the tick disposes of, and how."""

    run: tuple[datetime, ...]
    handled: datetime
    """Everything due up to this instant has been dealt with once the runs are launched."""
    left: tuple[Left, ...] = ()
    """The others, oldest first."""
    uncounted: bool = False
    """More were missed than are counted: the numbers are lower bounds."""
    refusal: str | None = None
    """The policy that leaves the tick itself out."""
    following: datetime | None = None
    """The next occurrence, if the tick is none."""
    grace: timedelta | None = None
    """How late is allowed."""
    now: datetime | None = None
    catch_up: CatchUp = CatchUp.LATEST

    @property
    def collapsed(self) -> int:
        """Missed ones that `catch_up: latest` replaced by a later one."""
        return self._count(Fate.COLLAPSED)

    @property
    def missed(self) -> int:
        """Missed ones that nobody catches up with (`catch_up`, its window, its limit of 100)."""
        return self._count(Fate.MISSED)

    @property
    def misfired(self) -> int:
        """Too late for `misfire_grace`."""
        return self._count(Fate.MISFIRED)

    @property
    def caught_up(self) -> int:
        """Of those that run, how many the tick is not itself."""
        return sum(each != self.handled for each in self.run)

    @property
    def reason(self) -> str:
        """One line for people: why nothing runs, or what else happened; empty if there is nothing to say."""
        if not self.run and not self.left:
            return self.refusal or _not_due(self.following)
        late = [each.due for each in self.left if each.fate is Fate.MISFIRED]
        parts: list[str] = []
        if late and self.grace is not None and self.now is not None:
            parts.append(
                f"{late[-1].isoformat(timespec='minutes')} is {format_duration(self.now - late[-1])} late,"
                f" allowed are {format_duration(self.grace)}"
            )
        more = " or more" if self.uncounted else ""
        if self.collapsed:
            parts.append(f"{self.collapsed}{more} missed collapsed into the latest")
        if self.missed:
            parts.append(f"{self.missed}{more} missed not caught up with (catch_up: {self.catch_up})")
        if self.caught_up:
            parts.append(f"{self.caught_up} missed caught up with")
        return "; ".join(parts)

    def _count(self, fate: Fate) -> int:
        return sum(each.fate is fate for each in self.left)


def decide(
    spec: Spec,
    policies: Policies,
    tick: datetime,
    now: datetime,
    last: datetime | None = None,
    since: datetime | None = None,
) -> TickDecision:
    """Decide what the tick at `tick`, evaluated at `now`, does.

    `last` is what was handled last; `since` when the schedule was switched on, declared or resumed: nothing
    at or before either counts as missed. Without both only the tick itself is looked at. The tick's own
    occurrence is decided whatever they say: what was decided before is for the ledger to know.
    """
    tick, now = utc(tick), utc(now)
    due = is_due(spec, tick, policies)
    known = [utc(each) for each in (last, since) if each is not None]
    earlier, uncounted = _missed(spec, policies, max(known), tick, now) if known else ([], False)
    candidates = [*earlier, *([in_zone(tick, spec.place)] if due else [])]
    if not candidates:
        refusal = policies.refusal(tick, spec.place) if is_due(spec, tick) else None
        following = None if refusal else next_occurrence(spec, tick, policies)
        return TickDecision((), tick, refusal=refusal, following=following)
    return _chosen(candidates, policies, tick, now, uncounted=uncounted)


def _missed(
    spec: Spec, policies: Policies, after: datetime, tick: datetime, now: datetime
) -> tuple[list[datetime], bool]:
    """Occurrences after `after` and before the tick, oldest first; if very many, the ones that matter."""
    found = list(
        islice(takewhile(lambda each: each < tick, occurrences(spec, after, policies)), MOST_COUNTED + 1)
    )
    if len(found) <= MOST_COUNTED:
        return found, False
    if policies.catch_up.runs_each:
        begin = max(after, now - policies.catch_up_window - MINUTE)
        recent = list(takewhile(lambda each: each < tick, occurrences(spec, begin, policies)))
    else:
        latest = previous_occurrence(spec, tick - MINUTE, policies)
        recent = [] if latest is None else [latest]
    older = [each for each in found if not recent or each < recent[0]][:MOST_COUNTED]
    return [*older, *recent], True


def _chosen(
    candidates: list[datetime], policies: Policies, tick: datetime, now: datetime, *, uncounted: bool
) -> TickDecision:
    grace = policies.misfire_grace
    newest = candidates[-1]
    misfired: list[datetime] = []
    rest = Fate.MISSED
    match policies.catch_up:
        case CatchUp.NONE:
            allowed = IN_TIME if grace is None else grace
            run = [newest] if newest == tick and now - newest <= allowed else []
            if not run and newest == tick and grace is not None:
                misfired = [newest]
        case CatchUp.LATEST:
            run = [newest] if grace is None or now - newest <= grace else []
            misfired = [] if run else [newest]
            rest = Fate.COLLAPSED
        case CatchUp.ALL | CatchUp.BACKFILL:
            # Whole minutes: an occurrence exactly as old as the window is in it, however long the tick took.
            minute = now.replace(second=0, microsecond=0)
            recent = [
                each for each in candidates if each == tick or minute - each <= policies.catch_up_window
            ]
            run = [each for each in recent if grace is None or now - each <= grace]
            misfired = [each for each in recent if grace is not None and now - each > grace]
            run = run[-MOST_CAUGHT_UP:]
    ran, too_late = set(run), set(misfired)
    left = [Left(each, Fate.MISFIRED if each in too_late else rest) for each in candidates if each not in ran]
    return TickDecision(
        run=tuple(run),
        handled=tick,
        left=tuple(left),
        uncounted=uncounted,
        grace=grace,
        now=now,
        catch_up=policies.catch_up,
    )


def _not_due(following: datetime | None) -> str:
    if following is None:
        return "not due; nothing more is"
    return f"not due; next at {following.isoformat(timespec='minutes')}"

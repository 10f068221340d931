"""What one tick of a schedule does: which occurrences to run, and what became of the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class TickDecision:
    """The occurrences to run, oldest first, and how many others the tick disposes of, and how."""

    run: tuple[datetime, ...]
    handled: datetime
    """Everything due up to this instant has been dealt with once the runs are launched."""
    reason: str
    """One line: why nothing runs, or what else happened; empty if there is nothing to say."""
    collapsed: int = 0
    """Missed ones that `catch_up: latest` replaced by a later one."""
    missed: int = 0
    """Missed ones that nobody catches up with (`catch_up`, its window, its limit of 100)."""
    misfired: int = 0
    """Too late for `misfire_grace`."""
    uncounted: bool = False
    """More were missed than are counted: the numbers are lower bounds."""


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
    occurrence is decided even if `last` says that it was handled: Dagster repeats a tick that was
    interrupted, and run keys keep a repetition from running twice.
    """
    tick, now = utc(tick), utc(now)
    due = is_due(spec, tick, policies)
    known = [utc(each) for each in (last, since) if each is not None]
    earlier, uncounted = _missed(spec, policies, max(known), tick, now) if known else ([], False)
    candidates = [*earlier, *([in_zone(tick, spec.place)] if due else [])]
    if not candidates:
        return TickDecision((), tick, _not_due(spec, policies, tick))
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
    if policies.catch_up is CatchUp.ALL:
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
    misfired = collapsed = 0
    match policies.catch_up:
        case CatchUp.NONE:
            allowed = IN_TIME if grace is None else grace
            run = [newest] if newest == tick and now - newest <= allowed else []
            if not run and newest == tick and grace is not None:
                misfired = 1
        case CatchUp.LATEST:
            run = [newest] if grace is None or now - newest <= grace else []
            misfired = 1 - len(run)
            collapsed = len(candidates) - 1
        case CatchUp.ALL:
            # Whole minutes: an occurrence exactly as old as the window is in it, however long the tick took.
            minute = now.replace(second=0, microsecond=0)
            recent = [
                each for each in candidates if each == tick or minute - each <= policies.catch_up_window
            ]
            run = [each for each in recent if grace is None or now - each <= grace]
            misfired = len(recent) - len(run)
            run = run[-MOST_CAUGHT_UP:]
    missed = len(candidates) - len(run) - misfired - collapsed
    reasons = [
        f"{newest.isoformat(timespec='minutes')} is {format_duration(now - newest)} late, allowed are"
        f" {format_duration(grace)}"
        if misfired and grace is not None
        else "",
        _counted(collapsed, uncounted, "missed", "collapsed into the latest"),
        _counted(missed, uncounted, "missed", f"not caught up with (catch_up: {policies.catch_up})"),
        f"{len(run) - (newest == tick)} missed caught up with" if len(run) > (newest == tick) else "",
    ]
    return TickDecision(
        run=tuple(run),
        handled=tick,
        reason="; ".join(filter(None, reasons)),
        collapsed=collapsed,
        missed=missed,
        misfired=misfired,
        uncounted=uncounted,
    )


def _counted(count: int, uncounted: bool, noun: str, fate: str) -> str:
    return f"{count}{' or more' if uncounted else ''} {noun} {fate}" if count else ""


def _not_due(spec: Spec, policies: Policies, tick: datetime) -> str:
    if is_due(spec, tick) and (refusal := policies.refusal(tick, spec.place)):
        return refusal
    following = next_occurrence(spec, tick, policies)
    if following is None:
        return "not due; nothing more is"
    return f"not due; next at {following.isoformat(timespec='minutes')}"

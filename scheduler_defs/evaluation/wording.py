"""Reasons in words: one line for people. Nothing in the program reads these lines."""

from __future__ import annotations

import datetime as dt

from scheduler_defs.ledger.reasons import (
    BeforeEdit,
    Collapsed,
    ConditionError,
    DecidedBefore,
    DeclaredLate,
    Fired,
    Jitter,
    Late,
    Limit,
    Missed,
    NotCaughtUp,
    NotDue,
    NotFired,
    Overlap,
    Paused,
    Reason,
    Replaced,
    RunEarly,
    Waited,
    Withdrawn,
)
from scheduler_defs.timing import format_duration


def text(reason: Reason | None, due: dt.datetime | None = None, *, deferred: bool = False) -> str:
    """The reason as people read it, empty for None. `due`: the occurrence that it is about.

    `deferred`: the occurrence still waits.
    """
    match reason:
        case None:
            return ""
        case Collapsed(into):
            return f"missed, collapsed into that of {minute(into)}"
        case NotCaughtUp(catch_up):
            return f"missed, not caught up with (catch_up: {catch_up})"
        case Late(late, allowed):
            what = f"{minute(due)} is" if due is not None else "it is"
            return f"{what} {format_duration(late)} late, allowed are {format_duration(allowed)}"
        case Missed():
            return _missed(reason)
        case Overlap(run_id, of, stage, overlap):
            which = f"the run of {of}" if of else f"run {(run_id or '')[:8]}"
            said = "waits already" if overlap == "queue" else f"is still {stage}"
            return f"{which} {said} (overlap: {overlap})"
        case Limit(name, _, 0):
            return f"{name} is 0: it never runs"
        case Limit(name, active, limit):
            again = "; starts when there is room" if deferred else ""
            return f"{active} of {limit} runs are active ({name}){again}"
        case Jitter(start):
            return f"starts at {start.isoformat(timespec='seconds')} (jitter)"
        case Waited(waited, before):
            return f"waited {format_duration(waited)} ({before})"
        case Replaced(by):
            return f"waited until that of {minute(by)} took its place"
        case Paused(actor, until, why):
            end = f"until {minute(until)}" if until else "until resumed"
            return f"paused {end} by {actor}" + (f": {why}" if why else "")
        case NotFired():
            return f"{reason.observed}; {_not_fired(reason)}"
        case Fired(observed):
            return observed
        case ConditionError(observed, errors):
            often = "for the first time" if errors == 1 else f"{errors} times in a row"
            return f"{observed}; the condition could not be evaluated ({often})"
        case RunEarly(of, run_id):
            return f"{minute(of)} was run before its time (run {run_id[:8]})"
        case Withdrawn(why):
            return f"waited, and then the schedule was {why}"
        case NotDue(following, refusal):
            if refusal is not None:
                return refusal
            return f"not due; next at {minute(following)}" if following else "not due; nothing more is"
        case BeforeEdit(since):
            return f"not due: the rule is in force since {_second(since)}"
        case DeclaredLate(since):
            return f"declared too late: it had passed when the rule came into force, at {_second(since)}"
        case DecidedBefore(outcome):
            return f"decided before: {outcome or 'left out'}"


def minute(moment: dt.datetime) -> str:
    """An instant to the minute, with its offset."""
    return moment.isoformat(timespec="minutes")


def _second(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _missed(reason: Missed) -> str:
    more = " or more" if reason.more else ""
    parts = []
    if reason.collapsed:
        parts.append(f"{reason.collapsed}{more} missed collapsed into the latest")
    if reason.left_out:
        parts.append(f"{reason.left_out}{more} missed not caught up with (catch_up: {reason.catch_up})")
    if reason.caught_up:
        parts.append(f"{reason.caught_up} missed caught up with")
    return "; ".join(parts)


def _not_fired(reason: NotFired) -> str:
    match reason.why:
        case "held":
            return "the condition has held since its last run (fire: edge)"
        case "cooldown" if reason.cooldown is not None and reason.until is not None:
            until = reason.until.isoformat(timespec="seconds")
            return f"cooldown of {format_duration(reason.cooldown)} until {until}"
        case _:
            return "the condition does not hold"

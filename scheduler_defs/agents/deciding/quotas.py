"""Quota pools: a limit with a clock, which agents share that draw on one account. Pure.

A provider that refuses work closes the pool. When it says until when, nothing of the pool starts before then.
When it does not, the pool stays closed for a growing time, and then one run probes whether it is open again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(hours=1)
LONGEST_TOLD = dt.timedelta(days=8)
"""A reset further away than the longest window of any provider (a week) is misread: it counts as not told."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A provider refuses work. `until` is when it says it will take work again, None when it does not."""

    until: dt.datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Window:
    """What a program says of its account's window: the share that is used, and when it begins anew."""

    used: float
    resets: dt.datetime
    name: str = ""


def left_to_people(window: Window, reserve: float, now: dt.datetime) -> Rejection | None:
    """Why agents rest although their provider would take their work: the rest of the window is people's."""
    if not reserve or window.used < 1 - reserve or window.resets <= now:
        return None
    named = f"{window.name} window" if window.name else "window"
    return Rejection(
        window.resets, f"{reserve:.0%} of the {named} are left to people, {window.used:.0%} are used"
    )


def room_again(
    used: Sequence[tuple[dt.datetime, int]], allowed: float, length: dt.timedelta
) -> dt.datetime | None:
    """When less than `allowed` has been used in a window of that length; None: now.

    `used`: what began when, the oldest first, all of it within the window.
    """
    total, when = sum(tokens for _, tokens in used), None
    for began, tokens in used:
        if total < allowed:
            break
        total, when = total - tokens, began + length
    return when


@dataclass(frozen=True, slots=True)
class PoolState:
    """What is known of a pool. `rejections` in a row of which nobody said until when."""

    closed_until: dt.datetime | None = None
    reason: str = ""
    rejections: int = 0


@dataclass(frozen=True, slots=True)
class QuotaView:
    """A pool as one pass sees it: how many more runs may start (None: no bound), and why no more."""

    name: str
    left: int | None = None
    until: dt.datetime | None = None
    why: str = ""


def closed(state: PoolState, rejection: Rejection, now: dt.datetime) -> PoolState:
    """The pool after a rejection. One that was told a later reset keeps it."""
    told = rejection.until
    if told is not None and not now < told <= now + LONGEST_TOLD:
        told = None
    if told is not None:
        kept = max(told, state.closed_until) if state.closed_until and state.rejections == 0 else told
        return PoolState(kept, rejection.reason, 0)
    if state.closed_until is not None and state.closed_until > now:
        return replace(state, reason=rejection.reason)  # another run that had started before it was closed
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(state.rejections, 10))
    return PoolState(now + pause, rejection.reason, state.rejections + 1)


def opened(state: PoolState, began: dt.datetime, closed_at: dt.datetime | None) -> PoolState:
    """The pool after a run that began at `began` got through: open, if it began after the pool was closed."""
    if closed_at is not None and began <= closed_at:
        return state
    return PoolState()


def view(name: str, state: PoolState, active: int, now: dt.datetime) -> QuotaView:
    """The pool now; `active` runs of it have not ended."""
    if state.closed_until is None:
        return QuotaView(name)
    if state.closed_until > now:
        return QuotaView(name, 0, state.closed_until, state.reason)
    if state.rejections:
        return QuotaView(name, max(0, 1 - active), None, f"one run probes it: {state.reason}")
    return QuotaView(name)

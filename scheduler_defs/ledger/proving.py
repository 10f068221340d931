"""Account for every due instant of a window: what should have been, against what is written. Pure.

Instants are whole seconds since the epoch: there may be millions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SETTLED_SECONDS = 120
"""So long after it was due an occurrence may be undecided, and so long after it was decided without a run."""


class Trouble(StrEnum):
    """What is wrong with an occurrence."""

    UNEXPLAINED = "unexplained"
    """It was due, and nothing says what became of it; or its run was ordered and never made."""
    DOUBLED = "doubled"
    """It has more than one run."""
    EXTRA = "extra"
    """It has a run, and was not due by what was in force; or nobody has ordered that run."""


class Account(StrEnum):
    """Where an occurrence goes in the sum."""

    RUN = "run"
    SKIPPED = "skipped"
    MISSED = "missed"


BY_OUTCOME = {
    "launched": Account.RUN,
    "run_early": Account.RUN,
    "skipped": Account.SKIPPED,
    "deferred": Account.SKIPPED,
    "cancelled": Account.SKIPPED,
    "missed": Account.MISSED,
    "collapsed": Account.MISSED,
    "misfired": Account.MISSED,
}
ORDERED = "ordered"
"""In place of `launched`: the run has not been made although there was time."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A schedule was off, or paused: from then on, until then (None: still)."""

    since: float
    until: float | None


@dataclass(frozen=True, slots=True)
class Expected:
    """The due instants of one schedule while one rule was in force, ascending.

    `undecided_after`: the rule has ended, and what was due after this instant had not been decided by then.
    """

    schedule: str
    dues: Sequence[int]
    rests: Sequence[Rest] = ()
    """When it was off or paused."""
    undecided_after: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One occurrence that cannot be accounted for."""

    schedule: str
    due: int
    trouble: Trouble
    detail: str


@dataclass
class Proof:
    """The sum."""

    due: int = 0
    accounted: Counter[Account] = field(default_factory=Counter)
    pending: int = 0
    """Due so lately that they need not be decided yet; not counted in `due`."""
    problems: list[Problem] = field(default_factory=list)


def prove(
    expected: Iterable[Expected],
    written: Mapping[str, Mapping[int, str]],
    gaps: Mapping[str, Sequence[tuple[int, int]]],
    now: float,
) -> Proof:
    """Compare. `written`: outcomes by schedule and due instant; `gaps`: where an entry speaks for others."""
    proof = Proof()
    seen: dict[str, set[int]] = {}
    for each in expected:
        outcomes = written.get(each.schedule, {})
        known = seen.setdefault(each.schedule, set())
        known.update(each.dues)
        proof.due += len(each.dues)
        for due in each.dues:
            outcome = outcomes.get(due)
            if outcome is not None and outcome != ORDERED:
                proof.accounted[BY_OUTCOME[outcome]] += 1
                continue
            account = _unwritten(each, due, gaps) if outcome is None else None
            if account is not None:
                proof.accounted[account] += 1
            elif outcome is None and due > now - SETTLED_SECONDS:
                proof.due -= 1
                proof.pending += 1
            else:
                detail = "its run was ordered and never made" if outcome else "nothing is written of it"
                proof.problems.append(Problem(each.schedule, due, Trouble.UNEXPLAINED, detail))
    for schedule, outcomes in written.items():
        known = seen.get(schedule, set())
        for due in outcomes.keys() - known:
            if outcomes[due] in ("launched", ORDERED):
                detail = "it was not due by the declarations that were in force"
                proof.problems.append(Problem(schedule, due, Trouble.EXTRA, detail))
    proof.problems.sort(key=lambda each: (each.due, each.schedule))
    return proof


def _unwritten(expected: Expected, due: int, gaps: Mapping[str, Sequence[tuple[int, int]]]) -> Account | None:
    """What explains an occurrence without an entry."""
    if any(since <= due < until for since, until in gaps.get(expected.schedule, ())):
        return Account.MISSED
    if any(each.since <= due and (each.until is None or due < each.until) for each in expected.rests):
        return Account.SKIPPED
    if expected.undecided_after is not None and due > expected.undecided_after:
        return Account.MISSED
    return None


def switched_off(changes: Sequence[tuple[float, str, float | None]], *, enabled: bool) -> list[Rest]:
    """Spells of rest from changes in order: when, which (`on`, `off`, `paused`, …), until when.

    `enabled`: what `as_declared` means, and what held before the first change.
    """
    rests: list[Rest] = []
    off_since: float | None = None if enabled else float("-inf")
    paused: tuple[float, float | None] | None = None
    for at, change, until in changes:
        if change in ("paused", "resumed"):
            if paused is not None:
                end = at if paused[1] is None else min(at, paused[1])
                rests.append(Rest(paused[0], end))
            paused = (at, until) if change == "paused" else None
            continue
        on = change == "on" or (change == "as_declared" and enabled)
        if on and off_since is not None:
            rests.append(Rest(off_since, at))
            off_since = None
        elif not on and off_since is None:
            off_since = at
    if off_since is not None:
        rests.append(Rest(off_since, None))
    if paused is not None:
        rests.append(Rest(paused[0], paused[1]))
    return rests


def doubled(counts: Mapping[tuple[str, int], int], begin: float, end: float) -> list[Problem]:
    """Occurrences in the window that have more than one run."""
    return [
        Problem(schedule, due, Trouble.DOUBLED, f"it has {count} runs")
        for (schedule, due), count in sorted(counts.items())
        if count > 1 and begin < due <= end
    ]

"""What the ledger says of an occurrence, and what one tick writes into it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from scheduler_defs.ledger.reasons import Reason


class Outcome(StrEnum):
    """What became of an occurrence."""

    LAUNCHED = "launched"
    """It has a run; the row's run id is the run's, also while the run is not there yet."""
    SKIPPED = "skipped"
    """Left out on purpose: overlap, a limit of 0, a pause, a condition."""
    MISSED = "missed"
    """Nobody was there in time, or it could not be decided."""
    COLLAPSED = "collapsed"
    """A later one stands for it."""
    MISFIRED = "misfired"
    """Too late for its misfire grace."""
    DEFERRED = "deferred"
    """It waits for its jitter or a limit. The only outcome that changes."""
    CANCELLED = "cancelled"
    """It waited, and its schedule was edited, removed, switched off or paused meanwhile."""
    RUN_EARLY = "run_early"
    """Somebody ran it before its time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One occurrence and what becomes of it."""

    due: dt.datetime
    outcome: Outcome
    reason: Reason | None = None
    run_id: str | None = None
    gap_since: dt.datetime | None = None
    """It speaks for all older occurrences from then on that have no entry: they are too many to be listed."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a conditional schedule remembers between its checks."""

    holds: bool | None = None
    fired: dt.datetime | None = None
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """What one tick has decided: written as a whole, or not at all."""

    schedule: str
    job: str
    tick: dt.datetime
    at: dt.datetime
    handled: dt.datetime
    """Everything up to this instant is accounted for."""
    entries: tuple[Entry, ...]
    checked: Checked = Checked()
    check_of: dt.datetime | None = None
    """`checked` holds only if this occurrence's entry is ours; None: whatever becomes of the entries."""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An entry as it stands, and what has become of its run."""

    entry: Entry
    tick: dt.datetime | None
    created: bool
    """Its run was created; it may have been deleted since."""
    run_status: str | None
    """Of the run that is there now, as Dagster names it."""

    @property
    def is_to_be_launched(self) -> bool:
        """Whether asking for its run again does no harm, and may be needed."""
        return self.entry.outcome is Outcome.LAUNCHED and (self.run_status is not None or not self.created)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows of a schedule before a tick is decided."""

    handled: dt.datetime | None = None
    since: dt.datetime | None = None
    """Its rule is in force since then; None: no declarations have been written down yet."""
    checked: Checked = Checked()
    waiting: tuple[Known, ...] = ()
    """Deferred occurrences, oldest first."""
    ordered: tuple[Known, ...] = ()
    """Launched occurrences whose run is not there yet."""

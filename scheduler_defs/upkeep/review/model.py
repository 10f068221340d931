"""What a review looks at, by what it measures, and what it finds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """What may be wrong with a schedule; each is an asset check of this name."""

    ORPHANED = "orphaned"
    """It is switched on in Dagster, and is not declared any more."""
    FAILING = "failing"
    """Its last runs have all failed."""
    IGNORED = "ignored"
    """It has been paused for long."""
    NEVER_SUCCEEDED = "never_succeeded"
    """It has run several times, and never well."""
    DISABLED_TOO_LONG = "disabled_too_long"
    """It has been off for long."""
    SLOWER = "slower"
    """Its runs take much longer than they used to."""
    FASTER = "faster"
    """Its runs are suspiciously quick: they may do nothing any more."""
    NOT_OWNED = "not_owned"
    """Nobody is named who looks after it."""
    CONDITION_NEVER_HELD = "condition_never_held"
    """Its condition has been looked at often, and has never started anything."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on something is a finding."""

    failed_in_a_row: int = 3
    paused_days: int = 14
    disabled_days: int = 30
    runs_without_success: int = 3
    newest_runs: int = 5
    """So many are held against those before."""
    earlier_runs: int = 5
    """So many there must be before, for a comparison."""
    slower_factor: float = 2.0
    slower_seconds: float = 30.0
    """And by at least so much."""
    faster_factor: float = 5.0
    usual_seconds: float = 10.0
    """What usually takes less is never suspiciously quick."""
    condition_checks: int = 100
    condition_days: int = 7


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one schedule. Statuses and durations (seconds): newest first."""

    runs: int = 0
    succeeded: int = 0
    statuses: Sequence[str] = ()
    """Of occurrences whose run has ended."""
    durations: Sequence[float] = ()
    """Of runs that went well."""
    checks: int = 0
    """Looks at its condition that started nothing, since it last started something."""
    checked_since: dt.datetime | None = None
    paused_since: dt.datetime | None = None
    off_since: dt.datetime | None = None
    """It is off, and has been since then."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding, in words and numbers."""

    schedule: str
    finding: Finding
    detail: str
    owner: str | None = None

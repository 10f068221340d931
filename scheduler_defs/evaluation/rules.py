"""Limits and overlap: pure rules over the runs that have not ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler_defs.declarations.models import Schedule
from scheduler_defs.evaluation.facts import KnownRun


@dataclass(frozen=True, slots=True)
class Verdict:
    """`skip` says why the occurrence does not run; None lets it run."""

    skip: str | None = None


def decide(schedule: Schedule, due: dt.datetime, now: dt.datetime, active: Sequence[KnownRun]) -> Verdict:
    """Whether the occurrence of `schedule` at `due` runs, given every run that has not ended."""
    del due, now
    mine = [run for run in active if run.schedule == schedule.name]
    if schedule.overlap == "skip" and mine:
        return Verdict(f"the previous run is still {mine[0].stage} (overlap: skip)")
    return Verdict()

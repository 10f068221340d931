"""Runs as overlap rules and limits see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """How far a run is, as overlap rules and limits see it."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


STAGES = {
    "NOT_STARTED": Stage.WAITING,
    "QUEUED": Stage.WAITING,
    "STARTING": Stage.RUNNING,
    "STARTED": Stage.RUNNING,
    "CANCELING": Stage.RUNNING,
}
"""By Dagster's status; every other one is ended."""


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run of the instance; `run_id` is None while it is only granted."""

    run_id: str | None
    job: str | None
    schedule: str | None
    scheduled_for: str | None
    stage: Stage

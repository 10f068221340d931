"""Schedules: as they are now, as they are declared, and what became of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.web.rest.answers.parts import Answer


class LastRun(Answer):
    """The newest run of a schedule."""

    run_id: str
    status: str
    scheduled_for: str | None
    created: str | None
    started: str | None
    ended: str | None
    failure: str | None


class Schedule(Answer):
    """A declared schedule as it is now: on, off, paused or completed."""

    name: str
    job: str
    kind: str
    spec: str
    timezone: str
    enabled: bool
    state: str
    paused_reason: str | None
    paused_until: str | None
    next: str | None
    last_run: LastRun | None
    owner: str | None
    description: str | None


class Due(Answer):
    """An instant at which a schedule is due."""

    schedule: str
    due: dt.datetime


class Occurrence(Answer):
    """What became of an occurrence: run, skipped or missed."""

    scheduled_for: str | None
    outcome: str
    reason: str | None
    run_id: str | None
    status: str | None
    trigger: str | None
    attempt: int | None
    created: str | None
    started: str | None
    ended: str | None
    failure: str | None
    error: str | None


class Declaration(Answer):
    """A schedule as it is declared, and where."""

    name: str
    position: str
    declared: dict[str, Any]


class Edited(Answer):
    """A change of a declaration: what it is, and whether it was written."""

    name: str
    file: str
    changed: bool
    written: bool
    diff: str


class Set(Answer):
    """The state that something was put into, and whether it was in another before."""

    name: str
    state: str
    changed: bool

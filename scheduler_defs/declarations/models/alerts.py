"""Alert channels and rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from scheduler_defs.declarations.models.base import Model, Position

Happening = Literal[
    "run_failed",
    "tick_failed",
    "missed",
    "late",
    "task_failed",
    "blocker_cycle",
    "worker_lost",
    "too_long",
    "too_fast",
    "queue_depth",
    "queue_wait",
    "nothing_assigned",
    "deadline_near",
    "overdue",
    "budget_reached",
    "worker_gone",
    "unproven",
    "review",
    "disk_low",
    "backup_failed",
    "daemon_silent",
    "broker_away",
    "approval",
]


class Channel(Model):
    """Where an alert goes. Addresses with secrets are named by environment variable, never written here."""

    name: str
    source: Position
    type: Literal["log", "webhook", "email", "command", "apprise", "heartbeat"]
    """heartbeat: that of a schedule's `heartbeat_env`; it is not declared as a channel."""
    url_env: str | None = None
    """webhook: variable with the URL; email: variable with the SMTP URL; apprise: with its URLs."""
    to: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    approve_as: str | None = None
    """Whose decision it is when somebody follows the link of an approval's alert; None: it has no link."""
    description: str | None = None


class AlertRule(Model):
    """Notify `channels` when `on` has happened `after` times in a row; then be silent for `throttle`."""

    name: str
    source: Position
    on: Happening
    channels: tuple[str, ...]
    schedules: tuple[str, ...] = ()
    """Globs over names; empty: all. The same for jobs and queues."""
    jobs: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    after: int = 1
    throttle: dt.timedelta = dt.timedelta(hours=1)
    late_by: dt.timedelta = dt.timedelta(minutes=5)
    """on late: how much later than its occurrence a run begins."""
    over: dt.timedelta | None = None
    """How long something may take or wait; None: what is usual for it."""
    number: int | None = None
    """on queue_depth: so many may wait; on disk_low: so many percent must be free."""
    quiet_hours: tuple[str, ...] = ()
    """Such as `22:00-07:00`: what happens then is told at their end."""
    quiet_zone: str = "UTC"
    digest: dt.timedelta | None = None
    """All that comes within such a time is told as one message."""
    owner: str | None = None
    """Whose concern it is, where nothing else says so."""
    escalate_after: dt.timedelta | None = None
    escalate_to: tuple[str, ...] = ()
    """Channels that are told when nobody has acknowledged it by then, and it still goes wrong."""
    description: str | None = None


class Alerts(Model):
    """Alert channels and rules, by name."""

    channels: Mapping[str, Channel] = Field(default_factory=dict)
    rules: Mapping[str, AlertRule] = Field(default_factory=dict)

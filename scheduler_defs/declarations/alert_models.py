"""Alert channels and rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from scheduler_defs.declarations.base import Model, Position


class Channel(Model):
    """Where an alert goes. Addresses with secrets are named by environment variable, never written here."""

    name: str
    source: Position
    type: Literal["log", "webhook", "email", "command"]
    url_env: str | None = None
    """webhook: variable with the URL; email: variable with the SMTP URL."""
    to: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    description: str | None = None


class AlertRule(Model):
    """Notify `channels` when `on` has happened `after` times in a row; then be silent for `throttle`."""

    name: str
    source: Position
    on: Literal["run_failed", "tick_failed", "missed", "late", "task_failed", "blocker_cycle", "worker_lost"]
    channels: tuple[str, ...]
    schedules: tuple[str, ...] = ()
    """Globs over names; empty: all. The same for jobs and queues."""
    jobs: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    after: int = 1
    throttle: dt.timedelta = dt.timedelta(hours=1)
    late_by: dt.timedelta = dt.timedelta(minutes=5)
    """on late: how much later than its occurrence a run begins."""
    description: str | None = None


class Alerts(Model):
    """Alert channels and rules, by name."""

    channels: Mapping[str, Channel] = Field(default_factory=dict)
    rules: Mapping[str, AlertRule] = Field(default_factory=dict)

"""`limits:`, `directives:` and `alerts:` as written."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scheduler_defs.declarations.written.fields import (
    ArgumentList,
    Duration,
    EnvironmentName,
    Flag,
    Names,
    Text,
    Texts,
    Written,
    wrong,
)


class LimitEntry(Written):
    """At most `limit` runs at once that carry the tag `key`."""

    key: Text
    """Tag of the runs that count, such as team, signalbox/job, signalbox/schedule."""
    value: Text | None = None
    """Only runs with this value of the tag count."""
    per_value: Flag = False
    """Each value of the tag has the limit for itself."""
    limit: Annotated[int, Field(ge=0)]
    """0: none."""

    @model_validator(mode="after")
    def counts_one_way(self) -> LimitEntry:
        if self.per_value and self.value is not None:
            raise wrong("has both value and per_value; choose one")
        return self


class DirectiveEntry(Written):
    """An instruction text that a job runs under; every run keeps the text as it was."""

    text: Annotated[Text, Field(min_length=1)]
    """The instruction itself."""
    description: Text | None = None
    """Shown in the UI."""


class ChannelEntry(Written):
    """Where an alert goes. Addresses with secrets are named by environment variable."""

    type: Literal["log", "webhook", "email", "command"]
    """How it is told."""
    url_env: EnvironmentName | None = None
    """webhook: the variable that holds the URL; email: the one that holds the SMTP URL."""
    to: Texts | None = None
    """email: addresses."""
    command: ArgumentList | None = None
    """command: gets the alert as JSON on its standard input."""
    description: Text | None = None
    """Shown in the UI."""

    @model_validator(mode="after")
    def has_an_address(self) -> ChannelEntry:
        if self.type in ("webhook", "email") and self.url_env is None:
            raise wrong(f"type {self.type} needs url_env: NAME_OF_VARIABLE")
        if self.type == "email" and not self.to:
            raise wrong("type email needs to: [ADDRESSES]")
        if self.type == "command" and not self.command:
            raise wrong("type command needs command: [PROGRAM, ARGUMENTS]")
        return self


class RuleEntry(Written):
    """Notify channels when something has happened."""

    on: Literal["run_failed", "tick_failed", "missed", "late", "task_failed", "blocker_cycle", "worker_lost"]
    """What has happened."""
    channels: Names
    """Whom to tell."""
    schedules: Texts | None = None
    """Globs over schedules' names; absent: all."""
    jobs: Texts | None = None
    """Globs over jobs' names; absent: all."""
    queues: Texts | None = None
    """Globs over agent queues' names; absent: all."""
    after: Annotated[int, Field(ge=1)] = 1
    """How many times in a row."""
    throttle: Duration = dt.timedelta(hours=1)
    """Silence after a notification; 0: none."""
    late_by: Duration | None = None
    """on late: how much later than its occurrence a run begins; absent: 5m."""
    description: Text | None = None
    """Shown in the UI."""

    @model_validator(mode="after")
    def asks_for_what_happens(self) -> RuleEntry:
        if self.late_by is not None and self.on != "late":
            raise wrong(f"late_by goes with on: late, and not with on: {self.on}")
        if self.on == "blocker_cycle" and self.after > 1:
            raise wrong("after does not go with on: blocker_cycle: a cycle is told once, when it is seen")
        return self


class AlertsEntry(Written):
    """Alert channels and rules, by name."""

    channels: dict[str, ChannelEntry] = Field(default_factory=dict)
    """Where alerts go, by name."""
    rules: dict[str, RuleEntry] = Field(default_factory=dict)
    """What is told to whom, by name."""

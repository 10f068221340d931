"""`limits:`, `directives:`, `alerts:` and `reports:` as written."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scheduler_defs.declarations.models.alerts import Happening
from scheduler_defs.declarations.written.approvals import ApproveField
from scheduler_defs.declarations.written.fields import (
    Addresses,
    ArgumentList,
    Duration,
    EnvironmentName,
    FileGlobs,
    Flag,
    Names,
    Natural,
    PositiveDuration,
    QuietSpans,
    Text,
    Texts,
    TimeZone,
    Written,
    wrong,
)
from scheduler_defs.timing import format_duration

OVER = (
    *("too_long", "queue_wait", "nothing_assigned", "worker_gone", "backup_failed"),
    *("deadline_near", "daemon_silent", "broker_away"),
)
OUTSIDE = ("daemon_silent", "broker_away")
"""What the supervisor tells, because the stack's own sensor cannot."""
LONGEST_DIGEST = dt.timedelta(hours=12)
NUMBER = ("queue_depth", "disk_low")


class LimitEntry(Written):
    """At most `limit` runs at once that carry the tag `key`."""

    key: Text
    """Tag of the runs that count, such as team, signalbox/job, signalbox/schedule."""
    value: Text | None = None
    """Only runs with this value of the tag count."""
    per_value: Flag = False
    """Each value of the tag has the limit for itself."""
    limit: Natural
    """0: none."""
    approve: ApproveField = None
    """People who must agree before a run that counts starts: on, or who, how many, how long."""

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

    type: Literal["log", "webhook", "email", "command", "apprise"]
    """How it is told."""
    url_env: EnvironmentName | None = None
    """The variable that holds the URL (webhook), the SMTP URL (email), the URLs between spaces (apprise)."""
    to: Addresses | None = None
    """email: addresses."""
    command: ArgumentList | None = None
    """command: gets the alert as JSON on its standard input."""
    approve_as: Text | None = None
    """The person who alone reads this channel: by a link in alerts of on: approval he decides, once."""
    description: Text | None = None
    """Shown in the UI."""

    @model_validator(mode="after")
    def has_an_address(self) -> ChannelEntry:
        if self.type in ("webhook", "email", "apprise") and self.url_env is None:
            raise wrong(f"type {self.type} needs url_env: NAME_OF_VARIABLE")
        if self.type == "email" and not self.to:
            raise wrong("type email needs to: [ADDRESSES]")
        if self.type == "command" and not self.command:
            raise wrong("type command needs command: [PROGRAM, ARGUMENTS]")
        if self.approve_as is not None and self.type == "log":
            raise wrong("approve_as does not go with type: log: a link that decides is in no log")
        if self.approve_as is not None and ":" in self.approve_as:
            raise wrong(f"approve_as {self.approve_as!r} is no person's name: those have no ':'")
        return self


class RuleEntry(Written):
    """Notify channels when something has happened."""

    on: Happening
    """What has happened."""
    channels: Names
    """Whom to tell."""
    schedules: Texts | None = None
    """Globs over schedules' names; absent: all."""
    jobs: Texts | None = None
    """Globs over jobs' names; absent: all."""
    queues: Texts | None = None
    """Globs over agent queues' names; absent: all."""
    after: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many times in a row."""
    throttle: Duration = dt.timedelta(hours=1)
    """Silence after a notification; 0: none."""
    late_by: Duration | None = None
    """on late: how much later than its occurrence a run begins; absent: 5m."""
    over: PositiveDuration | None = None
    """too_long (absent: three times what is usual), queue_wait (1h), nothing_assigned (10m), worker_gone (60s), backup_failed (2d), deadline_near (4h, or as long as nine in ten such tasks take), daemon_silent and broker_away (60s): how long."""  # noqa: E501
    number: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """queue_depth: more than so many wait (100); disk_low: less than so many percent are free (10)."""
    quiet_hours: QuietSpans | None = None
    """Such as 22:00-07:00: what happens then is told at their end, once."""
    quiet_zone: TimeZone = "UTC"
    """The zone of quiet_hours."""
    digest: PositiveDuration | None = None
    """All that comes within such a time of the first is told as one message, at its end; at most 12h."""
    owner: Text | None = None
    """Whose concern it is, where the schedule, job or agents have no owner."""
    escalate_after: PositiveDuration | None = None
    """When nobody has acknowledged it by then (`signalbox alerts ack`), and it still goes wrong, escalate_to is told."""  # noqa: E501
    escalate_to: Names | None = None
    """Whom to tell then."""
    description: Text | None = None
    """Shown in the UI."""

    @model_validator(mode="after")
    def asks_for_what_happens(self) -> RuleEntry:
        if self.late_by is not None and self.on != "late":
            raise wrong(f"late_by goes with on: late, and not with on: {self.on}")
        if self.over is not None and self.on not in OVER:
            raise wrong(f"over goes with on: {', '.join(OVER)}, and not with on: {self.on}")
        if self.number is not None and self.on not in NUMBER:
            raise wrong(f"number goes with on: {', '.join(NUMBER)}, and not with on: {self.on}")
        if (self.escalate_after is None) != (self.escalate_to is None):
            raise wrong("escalate_after and escalate_to go together")
        if self.digest is not None and self.digest > LONGEST_DIGEST:
            raise wrong(f"digest is {format_duration(self.digest)}; allowed are 12h and less")
        if self.on in OUTSIDE:
            self._stands_alone()
        if self.on == "blocker_cycle" and self.after > 1:
            raise wrong("after does not go with on: blocker_cycle: a cycle is told once, when it is seen")
        return self

    def _stands_alone(self) -> None:
        """The supervisor tells at once, and keeps nothing but when it has told."""
        given = {
            "schedules": self.schedules,
            "jobs": self.jobs,
            "queues": self.queues,
            "quiet_hours": self.quiet_hours,
            "digest": self.digest,
            "escalate_after": self.escalate_after,
            "after": self.after if self.after > 1 else None,
        }
        for name, value in given.items():
            if value is not None:
                raise wrong(f"{name} does not go with on: {self.on}, which is told at once by the supervisor")


class AlertsEntry(Written):
    """Alert channels and rules, by name."""

    channels: dict[str, ChannelEntry] = Field(default_factory=dict)
    """Where alerts go, by name."""
    rules: dict[str, RuleEntry] = Field(default_factory=dict)
    """What is told to whom, by name."""


class ReportsEntry(Written):
    """What the built-in reports may look at, whoever launches them."""

    log_files: FileGlobs | None = None
    """Globs of the files that log_triage may read, besides those that schedules name; `{state}` is the state folder. Absent: `{state}/logs/*.log*` and `/var/log/**`."""  # noqa: E501

"""Declarations as the program sees them: typed, complete (defaults filled in), and frozen.

What people write is in `written/`; `load()` turns one into the other. Nothing here reads files or clocks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from scheduler_defs.declarations.models.access import Access
from scheduler_defs.declarations.models.agents import (
    Ageing,
    Agent,
    Budget,
    Price,
    QueueSettings,
    Quota,
    TaskQueueConfig,
)
from scheduler_defs.declarations.models.alerts import AlertRule, Alerts, Channel
from scheduler_defs.declarations.models.approvals import Approve
from scheduler_defs.declarations.models.base import Backoff, Model, Position, Problem, Retries, Scalar
from scheduler_defs.declarations.models.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Fire,
    NotOf,
    Operator,
)
from scheduler_defs.declarations.models.jobs import Asset, Job, Param, Step, StepExecutor
from scheduler_defs.declarations.models.settings.audit import Audit
from scheduler_defs.declarations.models.settings.locations import Elsewhere, Location
from scheduler_defs.declarations.models.settings.reports import Reports
from scheduler_defs.declarations.models.settings.resources import Resources
from scheduler_defs.declarations.models.settings.retention import Retention
from scheduler_defs.declarations.models.triggers import Trigger

if TYPE_CHECKING:
    from scheduler_defs.timing import Policies, Spec
else:  # built and checked by `scheduler_defs.timing` itself; validating them again would only cost time
    Policies = Spec = Any

__all__ = [
    "Ageing",
    "Agent",
    "AlertRule",
    "Alerts",
    "AllOf",
    "AnyOf",
    "Approve",
    "Asset",
    "Backoff",
    "Budget",
    "Channel",
    "Comparison",
    "Condition",
    "Declarations",
    "Directive",
    "Fire",
    "Job",
    "Limit",
    "Model",
    "NotOf",
    "Operator",
    "Overlap",
    "Param",
    "Position",
    "Price",
    "Problem",
    "QueueSettings",
    "Quota",
    "Reports",
    "Resources",
    "Retries",
    "Scalar",
    "Schedule",
    "Step",
    "StepExecutor",
    "TaskQueueConfig",
]


class Overlap(StrEnum):
    """What to do at an occurrence when a run of an earlier one has not ended."""

    ALLOW = "allow"
    """Run both."""
    SKIP = "skip"
    """Leave this occurrence out."""
    QUEUE = "queue"
    """Run it afterwards; at most one run waits."""
    CANCEL_RUNNING = "cancel_running"
    """Cancel the earlier run, then run this one."""


class Schedule(Model):
    """A rule for when a job runs."""

    name: str
    job: str
    timing: Spec
    kind: Literal["cron", "every", "rrule", "at", "conditional"]
    spec: str
    """The rule as a person reads it, for tables."""
    timezone: str
    source: Position
    policies: Policies
    enabled: bool = True
    overlap: Overlap = Overlap.SKIP
    max_global: int | None = None
    """Most queued and running runs of all schedules at which this one still starts; 0: never."""
    max_per_job: int | None = None
    """The same, of this schedule's job only."""
    priority: int = 0
    retries: Retries | None = None
    """None: as its job says."""
    timeout: dt.timedelta | None = None
    """None: as its job says."""
    expected: dt.timedelta | None = None
    """How long a run usually takes. None: as its job says."""
    directive: str | None = None
    config: Mapping[str, Any] = Field(default_factory=dict)
    """The job's parameters; or run config as Dagster spells it, when it has a key such as `ops`."""
    tags: Mapping[str, str] = Field(default_factory=dict)
    owner: str | None = None
    description: str | None = None
    notify: tuple[str, ...] = ()
    """Names of alert channels."""
    heartbeat_env: str | None = None
    """The variable with the URL that its runs' starts and ends are told to."""
    when: Condition | None = None
    fire: Fire = Fire.LEVEL
    cooldown: dt.timedelta | None = None
    approve: Approve | None = None
    """Besides what its job wants."""
    elsewhere: Elsewhere | None = None
    """What `job` names, where that is of another location."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its times are read."""
        return ZoneInfo(self.timezone)


class Limit(Model):
    """A run-coordinator tag limit: at most `limit` runs at once that carry the tag `key`.

    With `value` only those with this value count; with `per_value` each value has the limit for itself.
    """

    name: str
    key: str
    limit: int
    source: Position
    value: str | None = None
    per_value: bool = False
    approve: Approve | None = None
    """Every run that the limit counts waits for it."""


class Directive(Model):
    """An instruction text that a job runs under. `digest` is the SHA-256 of the text, in hex."""

    name: str
    text: str
    digest: str
    source: Position
    description: str | None = None


class Declarations(Model):
    """Everything that is declared: mappings by name, in the order of the files."""

    schedules: Mapping[str, Schedule] = Field(default_factory=dict)
    jobs: Mapping[str, Job] = Field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    directives: Mapping[str, Directive] = Field(default_factory=dict)
    quotas: Mapping[str, Quota] = Field(default_factory=dict)
    budgets: Mapping[str, Budget] = Field(default_factory=dict)
    agents: Mapping[str, Agent] = Field(default_factory=dict)
    task_queue: TaskQueueConfig = TaskQueueConfig()
    alerts: Alerts = Alerts()
    reports: Reports = Reports()
    access: Access = Access()
    resources: Resources = Resources()
    retention: Retention = Retention()
    triggers: Mapping[str, Trigger] = Field(default_factory=dict)
    locations: Mapping[str, Location] = Field(default_factory=dict)
    audit: Audit = Audit()
    fingerprint: str = ""
    sources: tuple[str, ...] = ()
    """The files read, as in `Position.file`."""

    @property
    def served_queues(self) -> tuple[str, ...]:
        """The agent queues that some agent serves, in the order of the files."""
        return tuple(dict.fromkeys(queue for agent in self.agents.values() for queue in agent.queues))

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

from scheduler_defs.declarations.agent_models import Ageing, Agent, QueueSettings, TaskQueueConfig
from scheduler_defs.declarations.alert_models import AlertRule, Alerts, Channel
from scheduler_defs.declarations.base import Backoff, Model, Position, Problem, Retries, Scalar
from scheduler_defs.declarations.condition_models import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Fire,
    NotOf,
    Operator,
)

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
    "Backoff",
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
    "Problem",
    "QueueSettings",
    "Retries",
    "Scalar",
    "Schedule",
    "Step",
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
    when: Condition | None = None
    fire: Fire = Fire.LEVEL
    cooldown: dt.timedelta | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its times are read."""
        return ZoneInfo(self.timezone)


class Param(Model):
    """A typed parameter of a declared job. `{params.NAME}` in its command stands for the value."""

    name: str
    type: Literal["string", "integer", "number", "boolean"] = "string"
    default: Scalar | None = None
    """None: must be given."""
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: tuple[Scalar, ...] = ()
    pattern: str | None = None
    """A regular expression that the whole text must match."""
    description: str | None = None


class Step(Model):
    """One command of a job with `steps`; it starts when all steps that it needs have succeeded."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    queue: str | None = None
    timeout: dt.timedelta | None = None
    retries: Retries | None = None
    artifacts: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    cwd: str | None = None


class Job(Model):
    """A job without Python: one command, or steps."""

    name: str
    source: Position
    command: tuple[str, ...] | None = None
    """Program and arguments; never passed to a shell."""
    steps: Mapping[str, Step] | None = None
    params: Mapping[str, Param] = Field(default_factory=dict)
    env: tuple[str, ...] = ()
    """Names of environment variables that the command gets from the worker."""
    cwd: str | None = None
    timeout: dt.timedelta | None = None
    expected: dt.timedelta | None = None
    """How long a run usually takes."""
    grace: dt.timedelta = dt.timedelta(seconds=10)
    """Between SIGTERM and SIGKILL."""
    queue: str | None = None
    """Celery queue; None: the default."""
    artifacts: tuple[str, ...] = ()
    """Globs, relative to the working directory, of the files to keep."""
    max_concurrent: int | None = None
    retries: Retries | None = None
    priority: int = 0
    tags: Mapping[str, str] = Field(default_factory=dict)
    owner: str | None = None
    description: str | None = None


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
    agents: Mapping[str, Agent] = Field(default_factory=dict)
    task_queue: TaskQueueConfig = TaskQueueConfig()
    alerts: Alerts = Alerts()
    fingerprint: str = ""
    sources: tuple[str, ...] = ()
    """The files read, as in `Position.file`."""

    @property
    def served_queues(self) -> tuple[str, ...]:
        """The agent queues that some agent serves, in the order of the files."""
        return tuple(dict.fromkeys(queue for agent in self.agents.values() for queue in agent.queues))

"""Declarations as the program sees them: typed, complete (defaults filled in), and frozen.

What people write is in `written.py`; `load()` turns one into the other. Nothing here reads files or clocks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from scheduler_defs.timing import Policies, Spec
else:  # built and checked by `scheduler_defs.timing` itself; validating them again would only cost time
    Policies = Spec = Any

Scalar = bool | int | float | str


class Model(BaseModel):
    """Frozen, and closed: a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Position(Model):
    """Where something is written. Lines and columns count from 1; `file` is like `config/schedules.yaml`."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(Model):
    """One fault: where it is, which key it is about, what is wrong and what is allowed."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class Backoff(StrEnum):
    """How long to wait before attempt n + 1, given that attempt n has failed."""

    NONE = "none"
    """No wait."""
    FIXED = "fixed"
    """`base`, every time."""
    EXPONENTIAL = "exponential"
    """`base` x 2^(n-1), at most `cap`."""


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


class Fire(StrEnum):
    """When a conditional schedule starts a run."""

    LEVEL = "level"
    """At every check at which the condition holds."""
    EDGE = "edge"
    """Only when the condition has become true since the check before."""


class Operator(StrEnum):
    """How a condition compares what it observes with its value."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EXISTS = "exists"
    """There is something to observe; takes `value: true` (the default) or `value: false`."""
    CONTAINS = "contains"
    MATCHES = "matches"
    """A glob over the whole text."""
    REGEX = "regex"
    """A regular expression found anywhere in the text."""


class Comparison(Model):
    """One observation compared with a value. `subject` is `probe` or `probe:argument`: `disk.free_bytes:/`."""

    subject: str
    op: Operator
    value: Scalar | None = None


class AllOf(Model):
    """Holds when all of its conditions hold."""

    conditions: tuple[Condition, ...]


class AnyOf(Model):
    """Holds when at least one of its conditions holds."""

    conditions: tuple[Condition, ...]


class NotOf(Model):
    """Holds when its condition does not."""

    condition: Condition


Condition = Comparison | AllOf | AnyOf | NotOf


class Retries(Model):
    """Attempts after a failure. `max_attempts` is the total, the first one included."""

    max_attempts: int = 1
    backoff: Backoff = Backoff.EXPONENTIAL
    base: dt.timedelta = dt.timedelta(seconds=60)
    cap: dt.timedelta = dt.timedelta(hours=1)
    jitter: bool = False
    retry_on: tuple[str | int, ...] = ()
    """`timeout`, `worker_lost`, `error`, `exit_code`, or exit codes. Empty: any failure."""


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


class WorkingHours(Model):
    """When in the week an agent takes new work. `end` <= `start` means: until `end` on the next day."""

    timezone: str
    start: dt.time
    end: dt.time
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """Days on which the window begins; Monday is 0."""


class Agent(Model):
    """A named worker identity: what it serves, how much at once, and the command that does a task.

    `{task.*}`, `{agent.*}`, `{run.*}` in the command stand for values; `{agent.recipe}` is the recipe's path.
    """

    name: str
    source: Position
    queues: tuple[str, ...]
    limit: int = 1
    command: tuple[str, ...]
    recipe: str | None = None
    """Absolute path, inside the recipes folder with symbolic links resolved."""
    env: tuple[str, ...] = ()
    cwd: str | None = None
    timeout: dt.timedelta | None = None
    grace: dt.timedelta = dt.timedelta(seconds=10)
    retries: Retries = Retries(max_attempts=3)
    capabilities: tuple[str, ...] = ()
    enabled: bool = True
    working_hours: tuple[WorkingHours, ...] = ()
    """Empty: always."""
    celery_queue: str | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)
    owner: str | None = None
    description: str | None = None


class Ageing(Model):
    """A waiting task gains one point of priority per `every`, at most `limit` points."""

    every: dt.timedelta = dt.timedelta(minutes=10)
    limit: int = 10


class QueueSettings(Model):
    """What differs for one agent queue. None: as the task queue says."""

    name: str
    source: Position
    blocking: bool | None = None
    ageing: Ageing | None = None
    description: str | None = None


class TaskQueueConfig(Model):
    """Where the agents' tasks are. `blocking: false` restores plain priority order."""

    backend: Literal["postgres", "tinytask"] = "postgres"
    url: str | None = None
    timeout: dt.timedelta = dt.timedelta(seconds=10)
    """For one request to a TinyTask server."""
    blocking: bool = True
    ageing: Ageing | None = Ageing()
    """None: priorities never rise."""
    queues: Mapping[str, QueueSettings] = Field(default_factory=dict)


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
    description: str | None = None


class Alerts(Model):
    """Alert channels and rules, by name."""

    channels: Mapping[str, Channel] = Field(default_factory=dict)
    rules: Mapping[str, AlertRule] = Field(default_factory=dict)


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

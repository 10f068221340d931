"""`jobs:` as written."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from scheduler_defs.declarations.reading.scalars import plain
from scheduler_defs.declarations.written.approvals import ApproveField
from scheduler_defs.declarations.written.fields import (
    ArgumentList,
    AssetKeys,
    Duration,
    EnvironmentName,
    Globs,
    Identifier,
    Identifiers,
    Name,
    Names,
    Natural,
    Number,
    PositiveDuration,
    Priority,
    Regex,
    Tags,
    Text,
    Written,
)
from scheduler_defs.declarations.written.retries import RetriesEntry

Value = Annotated[
    Any, BeforeValidator(plain), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]


class ParamEntry(Written):
    """A typed parameter; `{params.NAME}` in the command stands for its value."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    """What the value is."""
    default: Value = None
    """Absent: the parameter must be given."""
    minimum: Number | None = None
    """integer, number: the least value allowed."""
    maximum: Number | None = None
    """integer, number: the greatest value allowed."""
    choices: Annotated[list[Value], Field(min_length=1)] | None = None
    """The only values allowed."""
    pattern: Regex | None = None
    """string: a regular expression that the whole text must match."""
    description: Text | None = None
    """Shown in the UI."""


class AssetEntry(Written):
    """An asset that a command makes."""

    deps: AssetKeys | None = None
    """Assets that it is made from."""
    checks: Identifiers | None = None
    """Checks: as reported through Dagster Pipes; else passed when the command succeeds, failed when not."""
    group: Identifier | None = None
    """Group in the UI; default `commands`."""
    description: Text | None = None
    """Shown in the UI."""


class StepEntry(Written):
    """One command of a job with steps."""

    command: ArgumentList
    """Program and arguments; never passed to a shell."""
    needs: Names | None = None
    """Steps that must have succeeded before."""
    queue: Name | None = None
    """Celery queue; default: the job's, or `steps`."""
    timeout: PositiveDuration | None = None
    """The step is ended after this time."""
    retries: RetriesEntry | None = None
    """Attempts after a failure of this step."""
    artifacts: Globs | None = None
    """Globs below the working directory, of the files to keep."""
    env: list[EnvironmentName] | None = None
    """Names of environment variables to pass on, besides the job's."""
    cwd: Text | None = None
    """Working directory; absent: the job's."""
    assets: Annotated[dict[str, AssetEntry | None], Field(min_length=1)] | None = None
    """What the step has made when its command succeeds, by asset key: `sales/daily`."""
    approve: ApproveField = None
    """People who must agree before the step starts: the run ends before it, and another one goes on. A first
    step, and one of a job whose steps make assets, holds the run before that starts."""


class JobEntry(Written):
    """A job without Python: one `command`, or `steps`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["command"]}, {"required": ["steps"]}]}
    )

    command: ArgumentList | None = None
    """Program and arguments; never passed to a shell."""
    steps: Annotated[dict[str, StepEntry], Field(min_length=1)] | None = None
    """A graph of commands, joined by `needs`."""
    executor: Literal["celery", "in_process"] | None = None
    """`celery`: the workers for steps, side by side (default). `in_process`: the run's own, one by one."""
    params: dict[str, ParamEntry] | None = None
    """Typed parameters; the launchpad checks them while one types."""
    env: list[EnvironmentName] | None = None
    """Names of environment variables that the command gets from the worker."""
    cwd: Text | None = None
    """Working directory, relative to the project; absent: a fresh one per run."""
    timeout: PositiveDuration | None = None
    """A run is ended after this time."""
    expected: PositiveDuration | None = None
    """How long a run usually takes; `signalbox forecast` uses it until there is a history."""
    grace: Duration = dt.timedelta(seconds=10)
    """Between SIGTERM and SIGKILL."""
    queue: Name | None = None
    """Celery queue; default `runs`."""
    artifacts: Globs | None = None
    """Globs below the working directory, of the files to keep."""
    assets: Annotated[dict[str, AssetEntry | None], Field(min_length=1)] | None = None
    """What a successful run of the command has made, by asset key: `sales/daily`."""
    max_concurrent: Natural | None = None
    """Most runs of this job at once; 0: none."""
    retries: RetriesEntry | None = None
    """Attempts after a failure, for schedules that say nothing themselves."""
    priority: Priority = 0
    """Higher goes first among runs that wait; each minute of waiting counts as one point more."""
    approve: ApproveField = None
    """People who must agree before a run starts: on, or who, how many, how long."""
    tags: Tags | None = None
    """Tags of its runs."""
    owner: Text | None = None
    """Whom to ask."""
    description: Text | None = None
    """Shown in the UI."""

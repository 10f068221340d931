"""`agents:` and `task_queue:` as written."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from scheduler_defs.declarations.written.fields import (
    ArgumentList,
    Duration,
    EnvironmentName,
    Flag,
    Name,
    Names,
    PositiveDuration,
    SchemaOf,
    Tags,
    Text,
    Texts,
    TimeZone,
    Written,
    wrong,
)
from scheduler_defs.declarations.written.retries import RetriesEntry


class AgentEntry(Written):
    """A named worker identity that does the tasks of one queue or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"oneOf": [{"required": ["queue"]}, {"required": ["queues"]}]},
                {"anyOf": [{"required": ["command"]}, {"required": ["recipe"]}]},
            ]
        }
    )

    queue: Name | None = None
    """The queue it serves."""
    queues: Names | None = None
    """The queues it serves."""
    limit: Annotated[int, Field(ge=0)] = 1
    """Tasks at once; 0: none."""
    command: ArgumentList | None = None
    """Program and arguments; `{task.*}`, `{agent.*}`, `{run.*}` stand for values."""
    recipe: Text | None = None
    """A file in the recipes folder; its path is `{agent.recipe}`."""
    env: list[EnvironmentName] | None = None
    """Names of environment variables that the command gets from the worker."""
    cwd: Text | None = None
    """Working directory, relative to the project; absent: the project."""
    timeout: PositiveDuration | None = None
    """A run is ended after this time."""
    grace: Duration = dt.timedelta(seconds=10)
    """Between SIGTERM and SIGKILL."""
    retries: RetriesEntry | None = None
    """Default: 3 attempts, then the task is set aside as failed."""
    capabilities: Names | None = None
    """What its tasks may ask for."""
    enabled: Flag = True
    """off: it gets no tasks."""
    working_hours: Texts | None = None
    """When it takes new work: mon-fri 09:00-17:00, or a list of such."""
    timezone: TimeZone = "UTC"
    """Zone of the working hours."""
    celery_queue: Name | None = None
    """Celery queue of its runs; default `runs`."""
    tags: Tags | None = None
    """Tags of its runs."""
    owner: Text | None = None
    """Whom to ask."""
    description: Text | None = None
    """Shown in the UI."""


class AgeingEntry(Written):
    """What waiting is worth."""

    every: PositiveDuration = dt.timedelta(minutes=10)
    """One point of priority for each such time waited."""
    limit: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    """At most so many points."""
    first_after: PositiveDuration = dt.timedelta(days=1)
    """A task older than this goes before all younger ones."""


def _read_ageing(value: Any) -> Any:
    if value is False or value in ("off", "no"):
        return None
    if value is True or value in ("on", "yes"):
        return {}
    return value


AgeingField = Annotated[
    AgeingEntry | None,
    BeforeValidator(_read_ageing),
    SchemaOf(AgeingEntry, {"enum": [True, False, "on", "off", "yes", "no"]}),
]


class QueueEntry(Written):
    """What differs for one queue."""

    blocking: Flag | None = None
    """off: blockers are ignored, priority alone orders."""
    ageing: AgeingField = Field(default_factory=AgeingEntry)
    """What waiting is worth: on, off, or its terms."""
    description: Text | None = None
    """Shown in the UI."""


class TaskQueueEntry(Written):
    """Where the agents' tasks are, and how they are ordered."""

    backend: Literal["postgres", "tinytask"] = "postgres"
    """Our own tables, or a TinyTask server."""
    url: Text | None = None
    """Address of a TinyTask server."""
    timeout: PositiveDuration = dt.timedelta(seconds=10)
    """For one request to a TinyTask server."""
    blocking: Flag = True
    """off: blockers are ignored, priority alone orders."""
    ageing: AgeingField = Field(default_factory=AgeingEntry)
    """What waiting is worth: on, off, or its terms."""
    first_tasks: Text | None = None
    """A file of JSON lines in the recipes folder: added once, when there has never been a task."""
    queues: dict[str, QueueEntry] = Field(default_factory=dict)
    """What differs for single queues, by name."""

    @model_validator(mode="after")
    def has_address(self) -> TaskQueueEntry:
        if self.backend == "tinytask":
            if self.url is None:
                raise wrong("backend tinytask needs url: http://HOST:PORT")
            if not self.url.startswith(("http://", "https://")):
                raise wrong(f"url {self.url!r} must begin with http:// or https://")
            if self.first_tasks is not None:
                raise wrong("first_tasks belongs to backend: postgres; a TinyTask server has its own")
        elif self.url is not None:
            raise wrong("url belongs to backend: tinytask; the postgres backend uses the stack's database")
        return self

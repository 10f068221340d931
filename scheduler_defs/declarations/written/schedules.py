"""`schedules:` and `defaults:` as written."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from scheduler_defs.declarations.reading.scalars import plain
from scheduler_defs.declarations.written.approvals import ApproveField
from scheduler_defs.declarations.written.fields import (
    Duration,
    EnvironmentName,
    Flag,
    Instant,
    Instants,
    Names,
    Natural,
    PositiveDuration,
    Priority,
    SchemaOf,
    Step,
    Tags,
    Text,
    Texts,
    TimeZone,
    Written,
    wrong,
)
from scheduler_defs.declarations.written.retries import RetriesEntry

CATCH_UP = ("none", "latest", "all", "backfill")
RULE_KEYS = ("cron", "every", "rrule", "at", "check_every")
"""A schedule has exactly one of them."""


class CatchUpEntry(Written):
    """What becomes of occurrences that nobody was there to evaluate."""

    policy: Literal["none", "latest", "all", "backfill"] = "latest"
    """none: nothing; latest: the most recent one; all: at most 100; backfill: those as one backfill."""
    window: PositiveDuration = dt.timedelta(hours=1)
    """How far back `all` and `backfill` reach."""


def _read_catch_up(value: Any) -> Any:
    return {"policy": value} if isinstance(value, str) else value


class PartitionEntry(Written):
    """Which partitions are made: one by its name, or the newest there are, in one backfill."""

    name: Text | None = None
    """As without a mapping: its name, latest, or a template."""
    last: Annotated[int, Field(ge=1, le=100)] | None = None
    """So many, the newest."""

    @model_validator(mode="after")
    def says_which(self) -> PartitionEntry:
        if (self.name is None) == (self.last is None):
            raise wrong("must be a name, latest, a template such as %Y-%m-%d, or {last: N}")
        return self


def _read_partition(value: Any) -> Any:
    return value if isinstance(value, dict) else {"name": value}  # pyright: ignore[reportUnknownVariableType]


def _read_exclusions(value: Any) -> Any:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _read_config(value: Any) -> Any:
    return plain(value)


def _read_condition(value: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong("must be {subject: .., op: .., value: ..}, or all:, any: or not: of such")
    return value  # pyright: ignore[reportUnknownVariableType]


PartitionField = Annotated[
    PartitionEntry, BeforeValidator(_read_partition), SchemaOf(PartitionEntry, {"type": "string"})
]
CatchUpField = Annotated[
    CatchUpEntry,
    BeforeValidator(_read_catch_up),
    SchemaOf(CatchUpEntry, {"enum": list(CATCH_UP)}),
]

_EXCLUSION: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "examples": ["2026-12-25", "2026-12-24..2027-01-01"]},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["from", "to"],
            "properties": {"from": {"type": "string"}, "to": {"type": "string"}},
        },
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["cron"],
            "properties": {"cron": {"type": "string"}, "for": {"type": "string"}},
        },
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["holidays"],
            "properties": {"holidays": {"type": "string"}, "subdivision": {"type": ["string", "number"]}},
        },
    ]
}
Exclusions = Annotated[
    list[Any],
    BeforeValidator(_read_exclusions),
    WithJsonSchema({"anyOf": [_EXCLUSION, {"type": "array", "items": _EXCLUSION}]}),
]

CONDITION_PLACE: dict[str, Any] = {"type": "object", "format": "condition"}
"""Stands in schemas for the condition's own, which refers to itself."""
ConditionField = Annotated[dict[str, Any], BeforeValidator(_read_condition), WithJsonSchema(CONDITION_PLACE)]
Config = Annotated[dict[str, Any], BeforeValidator(_read_config)]


class ScheduleDefaults(Written):
    """What every schedule has that does not say otherwise. Mappings are merged key by key."""

    timezone: TimeZone = "UTC"
    """IANA name of the zone in which times are read."""
    enabled: Flag = True
    """Whether it is switched on until somebody switches it in the UI or the command."""
    exclude: Exclusions | None = None
    """Dates, date ranges, cron windows and public holidays on which nothing is due."""
    overlap: Literal["allow", "skip", "queue", "cancel_running"] = "skip"
    """When the previous run has not ended: run both, leave this one out, wait, or cancel the previous one."""
    catch_up: CatchUpField | None = None
    """What becomes of occurrences missed while nothing was running."""
    misfire_grace: Duration | None = None
    """An occurrence later than this is not run."""
    jitter: Duration | None = None
    """Longest delay of a start; the same for an occurrence each time."""
    max_global: Natural | None = None
    """Start only while fewer runs than this are queued or running; 0: never."""
    max_per_job: Natural | None = None
    """The same, counting runs of this job only."""
    priority: Priority | None = None
    """Higher goes first among runs that wait; each minute of waiting counts as one point more."""
    retries: RetriesEntry | None = None
    """Attempts after a failure; absent: as the job says."""
    timeout: PositiveDuration | None = None
    """A run is ended after this time; absent: as the job says."""
    expected: PositiveDuration | None = None
    """How long a run usually takes, for `signalbox forecast`; absent: as the job says."""
    directive: Text | None = None
    """Name of the directive that the run works under."""
    tags: Tags | None = None
    """Tags of the run."""
    owner: Text | None = None
    """Whom to ask."""
    notify: Names | None = None
    """Alert channels."""
    heartbeat_env: EnvironmentName | None = None
    """The variable that holds a heartbeat URL, as Healthchecks.io gives: called when a run starts, succeeds, fails."""  # noqa: E501
    approve: ApproveField = None
    """People who must agree before a run starts, as well as for its job: on, or who, how many, how long."""
    fire: Literal["level", "edge"] = "level"
    """Conditional: at every check that holds, or only when it has become true."""
    cooldown: Duration | None = None
    """Conditional: no second run within this time."""


class ScheduleEntry(ScheduleDefaults):
    """When a job runs: one of `cron`, `every`, `rrule`, `at`, or `check_every` with `when`."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["job"]}, {"required": ["assets"]}],
            "oneOf": [{"required": [rule]} for rule in RULE_KEYS],
        }
    )

    job: Text | None = None
    """Name of a declared or built-in job, or LOCATION/JOB; needed unless there are `assets`."""
    assets: Text | None = None
    """LOCATION/SELECTION: assets of another location in Dagster's syntax, such as ml/group:daily."""
    partition: PartitionField | None = None
    """Elsewhere: a name, latest, {last: N}, or a template such as %Y-%m-%d; absent: the period before."""
    cron: Texts | None = None
    """Five fields, or @daily and the like; or a list of them."""
    every: Step | None = None
    """A step from the anchor: 1m, 10m, 36h, 1d, 2w, 1 month, 3 months."""
    rrule: Texts | None = None
    """RFC 5545 rules, such as FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0."""
    exdate: Instants | None = None
    """With rrule: instants or dates that are left out."""
    rdate: Instants | None = None
    """With rrule: instants that are added."""
    at: Instants | None = None
    """One instant, or a list of them."""
    check_every: Step | None = None
    """How often the condition is looked at."""
    when: ConditionField | None = None
    """The condition: {subject, op, value}, or all:, any:, not: of such."""
    anchor: Instant | None = None
    """Where `every`, `check_every` and `rrule` count from. Default: 2001-01-01T00:00, a Monday."""
    start: Instant | None = None
    """Nothing is due before."""
    end: Instant | None = None
    """Nothing is due after. A date alone means the end of that day."""
    config: Config = Field(default_factory=dict)
    """The job's parameters."""
    description: Text | None = None
    """Shown in the UI."""

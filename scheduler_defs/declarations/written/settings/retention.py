"""`retention:` as written."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from scheduler_defs.declarations.models.settings.retention import LEAST_AUDIT, LEAST_LEDGER
from scheduler_defs.declarations.written.fields import (
    Flag,
    PositiveDuration,
    Texts,
    Written,
    one_or_many,
    wrong,
)
from scheduler_defs.timing import format_duration

Most = Annotated[int, Field(ge=1, le=100_000_000)]
Statuses = Annotated[
    list[Literal["success", "failure", "canceled"]], BeforeValidator(one_or_many), Field(min_length=1)
]


class KeepEntry(Written):
    """Which runs stay."""

    age: PositiveDuration | None = None
    """A run goes when it has ended so long ago; absent: 90d."""
    most: Most | None = None
    """So many stay of each job, schedule and status; absent: 5000."""


class RetentionRuleEntry(KeepEntry):
    """Another age or number for some of the runs; what is absent is as in `runs`."""

    jobs: Texts | None = None
    """Globs over jobs' names; absent: all."""
    schedules: Texts | None = None
    """Globs over schedules' names; absent: all, and runs without one."""
    status: Statuses | None = None
    """success, failure, canceled; absent: all three."""

    @model_validator(mode="after")
    def says_something(self) -> RetentionRuleEntry:
        if self.age is None and self.most is None:
            raise wrong("says neither age nor most; write at least one of them")
        return self


class RetentionEntry(Written):
    """How long what has happened is kept. Ages count from the end of a thing."""

    automatic: Flag = True
    """Prune once a day; with false only `signalbox prune` and the job retention do."""
    runs: KeepEntry | None = None
    """Runs, with their events and files."""
    rules: list[RetentionRuleEntry] = Field(default_factory=list)
    """For some of the runs; the first that covers a run counts."""
    run_keys: PositiveDuration = dt.timedelta(days=365)
    """Runs that a sensor asked for under a run key stay at least so long: without it the key is free."""
    events: PositiveDuration = dt.timedelta(days=30)
    """Log lines of runs that are kept."""
    compute_logs: PositiveDuration = dt.timedelta(days=30)
    """What runs printed."""
    artifacts: PositiveDuration = dt.timedelta(days=90)
    """Files that runs keep, and outputs between steps."""
    ticks: PositiveDuration = dt.timedelta(days=30)
    """Ticks of schedules and sensors; dagster.yaml drops most of them sooner."""
    tasks: PositiveDuration = dt.timedelta(days=400)
    """Ended tasks of agent queues in the database."""
    assignments: PositiveDuration = dt.timedelta(days=400)
    """Which agent had which task."""
    ledger: PositiveDuration = dt.timedelta(days=400)
    """What became of each occurrence; at least 35d."""
    audit: PositiveDuration = dt.timedelta(days=730)
    """Who changed what; at least 90d."""

    @model_validator(mode="after")
    def keeps_enough(self) -> RetentionEntry:
        for name, least in (("ledger", LEAST_LEDGER), ("audit", LEAST_AUDIT)):
            if getattr(self, name) < least:
                given = format_duration(getattr(self, name))
                raise wrong(f"{name} is {given}; allowed are {format_duration(least)} and more")
        return self

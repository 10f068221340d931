"""What is read after a fault, as plain facts: the accounting decides over these and nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class CatchUp(StrEnum):
    """What a schedule promises about occurrences that nobody was there to see."""

    NONE = "none"
    """They are left out, and a tick says how many."""
    LATEST = "latest"
    """The latest runs; a tick or its run says how many were replaced by it."""
    ALL = "all"
    """Each has its run."""


@dataclass(frozen=True)
class SeenRun:
    """One run in Dagster's storage. `status` is Dagster's."""

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Life:
    """One process that did the work of a run, from the file that it wrote itself.

    `task`: the task of an agent's run, else empty. Instants are seconds of the monotonic clock: `seen` is the
    last one at which the process is known to have lived, `code` its exit code, None if it was killed.
    """

    run_id: str
    step: str
    task: str
    pid: int
    began: float
    seen: float
    code: int | None = None


@dataclass(frozen=True)
class SeenTick:
    """One tick of a schedule: its instant, its status, and what it said."""

    schedule: str
    at: dt.datetime
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Due:
    """The occurrences of a schedule that have passed, oldest first, and what it promises about them.

    `reach`: how far back from the last of them `CatchUp.ALL` surely goes; what is older needs a word.
    """

    schedule: str
    catch_up: CatchUp
    occurrences: Sequence[dt.datetime]
    reach: dt.timedelta | None = None


@dataclass(frozen=True)
class SeenTask:
    """One task of an agent queue. `expected`: the only status in which it may end; empty: any final one."""

    id: str
    status: str
    attempts: int
    max_attempts: int
    blocked_by: Sequence[str] = ()
    comments: int = 1
    expected: str = ""


@dataclass(frozen=True)
class Evidence:
    """Everything that is known at one moment.

    `steps`: the names of a job's steps, for the jobs that have any. `fails`: jobs that cannot succeed. `leases` are the rows of the table (`run`
    or `run/step`), `slots` the runs that the queue still counts as out, `assignments` the agents' slots that
    are taken. `processes` are those of the stack, or of a command, that nobody looks after any more. `unproven`: what
    `signalbox prove` cannot account for, beside our own accounting. `twice`: occurrences with two runs, of all
    that the database knows.
    """

    runs: Sequence[SeenRun] = ()
    lives: Sequence[Life] = ()
    ticks: Sequence[SeenTick] = ()
    due: Sequence[Due] = ()
    tasks: Sequence[SeenTask] = ()
    steps: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    fails: Collection[str] = ()
    leases: Sequence[str] = ()
    slots: Sequence[str] = ()
    assignments: Sequence[str] = ()
    processes: Sequence[str] = ()
    unproven: Sequence[str] = ()
    twice: Sequence[str] = ()

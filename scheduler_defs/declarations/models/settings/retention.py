"""How long what has happened is kept."""

from __future__ import annotations

import datetime as dt
from fnmatch import fnmatchcase

from scheduler_defs.declarations.models.base import Model

LEAST_LEDGER = dt.timedelta(days=35)
"""`prove` over a month must find its month."""
LEAST_AUDIT = dt.timedelta(days=90)


class Keep(Model):
    """A run goes when it has ended so long ago, or when there are so many newer ones like it.

    Like it: of the same job, schedule and status.
    """

    age: dt.timedelta = dt.timedelta(days=90)
    most: int = 5_000


class RetentionRule(Model):
    """`keep` for some of the runs. Globs over names; an empty one stands for all."""

    jobs: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    """Of success, failure, canceled."""
    keep: Keep = Keep()

    def covers(self, job: str, schedule: str | None, status: str) -> bool:
        """Whether the rule is for such runs. `status` as Dagster names it."""
        return (
            _named(self.jobs, job)
            and _named(self.schedules, schedule or "")
            and (not self.status or status.lower() in self.status)
        )


class Retention(Model):
    """Ages are counted from the end of a thing."""

    automatic: bool = True
    """Whether the stack prunes once a day by itself."""
    runs: Keep = Keep()
    rules: tuple[RetentionRule, ...] = ()
    """The first that covers a run counts, and `runs` when none does."""
    run_keys: dt.timedelta = dt.timedelta(days=365)
    """Runs that a sensor asked for under a run key stay at least so long: its key is free without it."""
    events: dt.timedelta = dt.timedelta(days=30)
    """Log lines of runs that are kept."""
    compute_logs: dt.timedelta = dt.timedelta(days=30)
    artifacts: dt.timedelta = dt.timedelta(days=90)
    ticks: dt.timedelta = dt.timedelta(days=30)
    tasks: dt.timedelta = dt.timedelta(days=400)
    assignments: dt.timedelta = dt.timedelta(days=400)
    ledger: dt.timedelta = dt.timedelta(days=400)
    audit: dt.timedelta = dt.timedelta(days=730)

    def of(self, job: str, schedule: str | None, status: str) -> Keep:
        """What is kept of such runs."""
        return next((rule.keep for rule in self.rules if rule.covers(job, schedule, status)), self.runs)


def _named(globs: tuple[str, ...], name: str) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)

"""The sensor that launches the next attempt of failed runs when it is due.

When is decided with the failure, and written with it (`signalbox/retry_at`); this only looks what is due.
So a retry survives whatever is restarted between the failure and its time, and its run key makes it happen
once.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from resources import ClockResource, DatabaseResource
from scheduler_defs import tags
from scheduler_defs.execution.admission.job_settings import other_location
from scheduler_defs.execution.dagster_patches.instigators import Target as JobTarget
from scheduler_defs.execution.dagster_patches.instigators import is_dry_run, share_instance
from scheduler_defs.execution.elsewhere.target import Target
from scheduler_defs.jobs.elsewhere_name import OF_ANOTHER_LOCATION
from scheduler_defs.retries.backoff import retry_key, retry_tags

if TYPE_CHECKING:
    from scheduler_defs.execution.lookups.retries_due import PendingRetry

NAME = "retries"
MOST_PER_TICK = 100
# How much later than its time stamp says a failure may be written: the database was away, clocks differ.
_LATE = dt.timedelta(hours=1)
_log = logging.getLogger(__name__)
_EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def read_cursor(cursor: str | None) -> dt.datetime:
    """Since when failures are looked at. One that cannot be read is dropped: all of them are looked at."""
    try:
        found = dt.datetime.fromisoformat(cursor) if cursor else _EPOCH
    except ValueError:
        _log.warning("sensor %s: its cursor %.40r cannot be read; it begins anew", NAME, cursor)
        return _EPOCH
    return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)


def retries_sensor(jobs: Sequence[JobTarget]) -> dg.SensorDefinition:
    """The sensor for a code location with these jobs."""
    names = {job.name for job in jobs}

    @dg.sensor(
        name=NAME,
        jobs=list(jobs),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Launches the next attempt of failed runs that have one left, when it is due.",
    )
    def launch_retries(
        context: dg.SensorEvaluationContext, database: DatabaseResource, clock: ClockResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        # Here, because the code location is loaded by many that never tick.
        from scheduler_defs.execution.lookups import retries_due

        share_instance(context)
        now = clock.now()
        since = read_cursor(context.cursor)
        with database.engine().connect() as connection:
            waiting = retries_due.pending(connection, since - _LATE)
            due = [retry for retry in waiting if retry.retry_at <= now][:MOST_PER_TICK]
            held = retries_due.still_held(connection, [retry.run_id for retry in due])
        ready = [retry for retry in due if retry.run_id not in held]
        yield from requests(context.instance, ready, names, dry_run=is_dry_run(context))
        # Nothing that waits is older than this; what is requested now waits until its run is there.
        context.update_cursor((waiting[0].retry_at if waiting else now).isoformat())
        if not ready:
            yield dg.SkipReason(_reason(waiting, len(held)))

    return launch_retries


def requests(
    instance: dg.DagsterInstance, due: Sequence[PendingRetry], jobs: set[str], *, dry_run: bool = False
) -> Iterator[dg.RunRequest]:
    """A request per failed run. A run whose job is gone is not tried again, and says so unless `dry_run`."""
    runs = instance.get_runs(dg.RunsFilter(run_ids=[retry.run_id for retry in due])) if due else []
    for run in runs:
        target = elsewhere(run)
        if (OF_ANOTHER_LOCATION if target else run.job_name) not in jobs:
            if dry_run:
                continue
            instance.add_run_tags(run.run_id, {tags.RETRY_AT: tags.RETRY_CANCELLED})
            instance.report_engine_event(f"Not tried again: there is no job {run.job_name!r} any more.", run)
            continue
        yield dg.RunRequest(
            run_key=retry_key(run.run_id),
            job_name=OF_ANOTHER_LOCATION if target else run.job_name,
            run_config=run.run_config,
            tags={
                **retry_tags(run.run_id, run.tags),
                **({tags.ELSEWHERE: target.dumped()} if target else {}),
            },
            asset_selection=sorted(run.asset_selection) if run.asset_selection and not target else None,
        )


def elsewhere(run: dg.DagsterRun) -> Target | None:
    """What the run was for, where that is in another location: its next attempt is launched there."""
    location = other_location(run)
    if location is None:
        return None
    assets = tuple(sorted(key.to_user_string() for key in run.asset_selection or ()))
    return Target(location, job=run.job_name, assets=assets, again=True)


def _reason(waiting: Sequence[PendingRetry], held: int) -> str:
    if held:
        return f"{held} failed runs still have processes that clean up"
    if waiting:
        first = waiting[0].retry_at.astimezone().isoformat(timespec="seconds")
        return f"{len(waiting)} wait; the next at {first}"
    return "no failed run waits for another attempt"

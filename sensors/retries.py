"""The sensor that launches the next attempt of failed runs when it is due.

When is decided with the failure, and written with it (`signalbox/retry_at`); this only looks what is due.
So a retry survives whatever is restarted between the failure and its time, and its run key makes it happen
once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.execution.backoff import retry_tags
from scheduler_defs.execution.instigators import Target, share_instance

if TYPE_CHECKING:
    from scheduler_defs.execution.retries_due import PendingRetry

NAME = "retries"
MOST_PER_TICK = 100
# How much later than its time stamp says a failure may be written: the database was away, clocks differ.
_LATE = dt.timedelta(hours=1)
_EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def retries_sensor(jobs: Sequence[Target]) -> dg.SensorDefinition:
    """The sensor for a code location with these jobs."""
    names = {job.name for job in jobs}

    @dg.sensor(
        name=NAME,
        jobs=list(jobs),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Launches the next attempt of failed runs that have one left, when it is due.",
    )
    def launch_retries(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        # Here, because the code location is loaded by many that never tick.
        from scheduler_defs import database
        from scheduler_defs.execution import retries_due

        share_instance(context)
        now = dt.datetime.now(dt.UTC)
        since = dt.datetime.fromisoformat(context.cursor) if context.cursor else _EPOCH
        with database.engine().connect() as connection:
            waiting = retries_due.pending(connection, since - _LATE)
            due = [retry for retry in waiting if retry.retry_at <= now][:MOST_PER_TICK]
            held = retries_due.still_held(connection, [retry.run_id for retry in due])
        ready = [retry for retry in due if retry.run_id not in held]
        yield from requests(context.instance, ready, names)
        # Nothing that waits is older than this; what is requested now waits until its run is there.
        context.update_cursor((waiting[0].retry_at if waiting else now).isoformat())
        if not ready:
            yield dg.SkipReason(_reason(waiting, len(held)))

    return launch_retries


def requests(
    instance: dg.DagsterInstance, due: Sequence[PendingRetry], jobs: set[str]
) -> Iterator[dg.RunRequest]:
    """A request per failed run. A run whose job is gone is not tried again, and says so."""
    runs = instance.get_runs(dg.RunsFilter(run_ids=[retry.run_id for retry in due])) if due else []
    for run in runs:
        if run.job_name not in jobs:
            instance.add_run_tags(run.run_id, {tags.RETRY_AT: tags.RETRY_CANCELLED})
            instance.report_engine_event(f"Not tried again: there is no job {run.job_name!r} any more.", run)
            continue
        yield dg.RunRequest(
            run_key=f"retry:{run.run_id}",
            job_name=run.job_name,
            run_config=run.run_config,
            tags=retry_tags(run.run_id, run.tags),
            asset_selection=sorted(run.asset_selection) if run.asset_selection else None,
        )


def _reason(waiting: Sequence[PendingRetry], held: int) -> str:
    if held:
        return f"{held} failed runs still have processes that clean up"
    if waiting:
        first = waiting[0].retry_at.astimezone().isoformat(timespec="seconds")
        return f"{len(waiting)} wait; the next at {first}"
    return "no failed run waits for another attempt"

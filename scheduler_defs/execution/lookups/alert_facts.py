"""What alerts are decided from, read from Dagster's tables (private schema, contract-tested).

Each statement reads rows that are new since a position, through an index of Dagster's own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from dagster._core.scheduler.instigation import TickData
from dagster_shared.serdes import deserialize_value
from dagster_shared.serdes.errors import DeserializationError

from scheduler_defs import tags

_TAGS = (
    tags.SCHEDULE,
    tags.SCHEDULED_FOR,
    tags.JOB,
    tags.QUEUE,
    tags.TASK,
    tags.ATTEMPT,
    tags.MAX_ATTEMPTS,
    tags.TRIGGER,
    tags.FAILURE,
    tags.ERROR,
    tags.RETRY_AT,
    tags.MISSED,
    tags.WORKER,
)
# Through idx_run_range (status, update_timestamp). A run that was written to again long after its end is not
# new, unless its retry was called off.
ENDED = sa.text(
    """
    SELECT run_id, pipeline_name, status, start_time, end_time, update_timestamp,
        (SELECT jsonb_object_agg(key, value) FROM run_tags
         WHERE run_tags.run_id = runs.run_id AND key = ANY(:keys)) AS tags
    FROM runs
    WHERE status = ANY(:statuses) AND update_timestamp > :since
      AND (end_time > :ended_since OR EXISTS (
          SELECT FROM run_tags AS retry
          WHERE retry.run_id = runs.run_id AND retry.key = :retry_at AND retry.value = 'cancelled'))
    ORDER BY update_timestamp
    LIMIT :most
    """
)
# Through idx_run_status. Whether they are late is for their tags to say: these are those that can be.
DELAYED = sa.text(
    """
    SELECT run_id, pipeline_name, status, start_time, end_time, update_timestamp,
        (SELECT jsonb_object_agg(key, value) FROM run_tags
         WHERE run_tags.run_id = runs.run_id AND key = ANY(:keys)) AS tags
    FROM runs
    WHERE status IN ('NOT_STARTED', 'QUEUED', 'STARTING', 'STARTED')
      AND NOT EXISTS (SELECT FROM signalbox.held_runs WHERE held_runs.run_id = runs.run_id)
      AND create_timestamp < :created_before
    ORDER BY id
    LIMIT :most
    """
)
# Starts and ends of the runs of some schedules.
BEATS = sa.text(
    """
    SELECT runs.run_id, status, update_timestamp,
        (SELECT jsonb_object_agg(key, value) FROM run_tags
         WHERE run_tags.run_id = runs.run_id AND key = ANY(:keys)) AS tags
    FROM runs JOIN run_tags AS named ON named.run_id = runs.run_id AND named.key = :schedule
    WHERE status IN ('STARTED', 'SUCCESS', 'FAILURE') AND update_timestamp > :since
      AND named.value = ANY(:schedules)
    ORDER BY update_timestamp
    LIMIT :most
    """
)
# By primary key. Only bodies that say something are sent: that is one tick in a thousand.
TICKS = sa.text(
    """
    SELECT id, selector_id, type, status, timestamp,
           CASE WHEN status = 'FAILURE' THEN tick_body END AS body
    FROM job_ticks
    WHERE id > :after OR id = ANY(:again)
    ORDER BY id
    LIMIT :most
    """
)
# Our errors are written for people, and need no class in front.
_OUR_ERROR = re.compile(r"^(?:scheduler_defs|resources|sensors)\.[\w.]+: ")
NEWEST_TICK = sa.text("SELECT coalesce(max(id), 0) FROM job_ticks")


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run as alerts see it. `job` is Dagster's name of it. Instants are aware."""

    run_id: str
    job: str
    failed: bool
    started: dt.datetime | None
    ended: dt.datetime | None
    updated: dt.datetime
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Beat:
    """A run of a schedule that has started or ended."""

    run_id: str
    status: str
    updated: dt.datetime
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeenTick:
    """A tick of a schedule or sensor. `name` (Dagster's) and what it said are known only if that matters."""

    id: int
    selector: str
    of_schedule: bool
    ended: bool
    failed: bool
    at: dt.datetime
    name: str | None = None
    error: str = ""


def ended_runs(connection: sa.Connection, since: dt.datetime, *, succeeded: bool, most: int) -> list[SeenRun]:
    """Runs that have failed (and, if wanted, those that have succeeded) since then, in order of writing."""
    rows = connection.execute(
        ENDED,
        {
            "keys": list(_TAGS),
            "statuses": ["FAILURE", "SUCCESS"] if succeeded else ["FAILURE"],
            "since": since.astimezone(dt.UTC).replace(tzinfo=None),
            "ended_since": since.timestamp(),
            "retry_at": tags.RETRY_AT,
            "most": most,
        },
    )
    return [_run(row) for row in rows]


def beats(
    connection: sa.Connection, schedules: Collection[str], since: dt.datetime, *, most: int
) -> list[Beat]:
    """Runs of these schedules that were written to since then and go on or have ended, in that order."""
    rows = connection.execute(
        BEATS,
        {
            "keys": [*_TAGS, tags.ROOT_RUN],
            "schedule": tags.SCHEDULE,
            "schedules": list(schedules),
            "since": since.astimezone(dt.UTC).replace(tzinfo=None),
            "most": most,
        },
    )
    return [
        Beat(row.run_id, row.status, row.update_timestamp.replace(tzinfo=dt.UTC), row.tags) for row in rows
    ]


def delayed_runs(connection: sa.Connection, created_before: dt.datetime, *, most: int) -> list[SeenRun]:
    """Unfinished runs that have been there for so long."""
    parameters = {
        "keys": list(_TAGS),
        "created_before": created_before.astimezone(dt.UTC).replace(tzinfo=None),
        "most": most,
    }
    return [_run(row) for row in connection.execute(DELAYED, parameters)]


def ticks(connection: sa.Connection, after: int, again: Collection[int], *, most: int) -> list[SeenTick]:
    """Ticks with an id above `after`, and these again."""
    rows = connection.execute(TICKS, {"after": after, "again": list(again), "most": most})
    return [_tick(row) for row in rows]


def newest_tick(connection: sa.Connection) -> int:
    """The highest id of a tick; 0 if there is none."""
    return connection.execute(NEWEST_TICK).scalar_one()


def _run(row: sa.Row[tuple[object, ...]]) -> SeenRun:
    return SeenRun(
        run_id=row.run_id,
        job=row.pipeline_name,
        failed=row.status == "FAILURE",
        started=_instant(row.start_time),
        ended=_instant(row.end_time),
        updated=row.update_timestamp.replace(tzinfo=dt.UTC),
        tags=row.tags or {},
    )


def _instant(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)


def _tick(row: sa.Row[tuple[object, ...]]) -> SeenTick:
    name, error = (None, "") if row.body is None else _said(row.body)
    return SeenTick(
        id=row.id,
        selector=row.selector_id or "",
        of_schedule=row.type == "SCHEDULE",
        ended=row.status != "STARTED",
        failed=row.status == "FAILURE",
        at=row.timestamp.replace(tzinfo=dt.UTC),
        name=name,
        error=error,
    )


def _said(body: str) -> tuple[str | None, str]:
    """Name and innermost error, from Dagster's body of a tick; no name if it is unreadable."""
    try:
        tick = deserialize_value(body, TickData)
    except DeserializationError:
        # One tick of another version of Dagster must not stop all alerts.
        return None, ""
    error = tick.error
    while error is not None and error.cause is not None:
        error = error.cause
    said = _OUR_ERROR.sub("", error.message.strip()) if error else ""
    return tick.instigator_name, said

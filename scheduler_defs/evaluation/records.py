"""What the database knows of schedules: pauses, last runs, occurrences that were run before their time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.evaluation.early_runs import all_early_runs
from scheduler_defs.evaluation.facts.pauses import Pause, read_pauses

_LAST = sa.text(
    """
    -- last_runs: the newest run of each schedule that has one; of one whose runs are gone the ledger says it
    WITH newest AS MATERIALIZED (
        SELECT n.name, tagged.run_id
        FROM unnest(CAST(:names AS text[])) AS n(name)
        CROSS JOIN LATERAL (
            SELECT run_id FROM run_tags WHERE key = :schedule AND value = n.name ORDER BY id DESC LIMIT 1
        ) AS tagged
    )
    SELECT n.name AS schedule, r.run_id, r.status, r.create_timestamp, r.start_time, r.end_time,
           max(t.value) FILTER (WHERE t.key = :scheduled_for) AS scheduled_for,
           max(t.value) FILTER (WHERE t.key = :failure) AS failure, CAST(NULL AS timestamptz) AS due
    FROM newest n
    JOIN runs r ON r.run_id = n.run_id
    LEFT JOIN run_tags t ON t.run_id = r.run_id AND t.key IN (:scheduled_for, :failure)
    GROUP BY n.name, r.run_id, r.status, r.create_timestamp, r.start_time, r.end_time
    UNION ALL
    SELECT n.name, o.run_id, o.status, o.created_at AT TIME ZONE 'UTC', NULL, NULL, NULL, NULL, o.due
    FROM unnest(CAST(:names AS text[])) AS n(name)
    CROSS JOIN LATERAL (
        SELECT run_id, status, created_at, due FROM signalbox.occurrences
        WHERE schedule = n.name AND run_id IS NOT NULL AND created_at IS NOT NULL
          AND status IN ('SUCCESS', 'FAILURE', 'CANCELED')
        ORDER BY due DESC LIMIT 1
    ) AS o
    WHERE NOT EXISTS (SELECT FROM newest WHERE newest.name = n.name)
    """
)


@dataclass(frozen=True, slots=True)
class ScheduleRecords:
    """Everything by schedule."""

    pauses: Mapping[str, Pause] = field(default_factory=dict)
    last_runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The newest run: `{run_id, status, scheduled_for, created, started, ended, failure}`."""
    anticipated: Mapping[str, Mapping[dt.datetime, str]] = field(default_factory=dict)
    """Runs by hand by the occurrence that they stand for."""


def read_recorded(engine: sa.Engine, schedules: Sequence[Schedule], *, runs: bool = True) -> ScheduleRecords:
    """Three statements, however many schedules there are; two without the last `runs`."""
    once = [schedule.name for schedule in schedules if schedule.kind == "at"]
    return ScheduleRecords(
        read_pauses(engine),
        last_runs(engine, [schedule.name for schedule in schedules]) if runs else {},
        all_early_runs(engine, once) if once else {},
    )


def last_runs(engine: sa.Engine, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """The newest run of each schedule that has one; times are ISO 8601 in local time."""
    wanted = {
        "names": list(names),
        "schedule": tags.SCHEDULE,
        "scheduled_for": tags.SCHEDULED_FOR,
        "failure": tags.FAILURE,
    }
    with engine.connect() as connection:
        return {
            row.schedule: {
                "run_id": row.run_id,
                "status": row.status,
                "scheduled_for": row.scheduled_for or (row.due and _local(row.due)),
                "created": _local(row.create_timestamp.replace(tzinfo=dt.UTC)),
                "started": _local(_moment(row.start_time)),
                "ended": _local(_moment(row.end_time)),
                "failure": row.failure,
            }
            for row in connection.execute(_LAST, wanted)
        }


def _moment(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _local(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone().isoformat(timespec="milliseconds")

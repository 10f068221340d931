"""The newest runs of schedules and jobs, from Dagster's run storage."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.conditions.registry import Look, probe

_STATUSES = ("NOT_STARTED", "QUEUED", "STARTING", "STARTED", "SUCCESS", "FAILURE", "CANCELING", "CANCELED")

_NEWEST = """
-- newest_run: of the schedule or job of this name, with this status if one is given
SELECT r.status, r.start_time, r.end_time, r.create_timestamp
FROM runs r
JOIN run_tags t ON t.run_id = r.run_id
WHERE t.key = ANY(:keys) AND t.value = :name AND (CAST(:status AS text) IS NULL OR r.status = :status)
ORDER BY r.id DESC
LIMIT 1
"""


def _name_fault(argument: str) -> str | None:
    words = argument.split()
    if len(words) > 1:
        return f"{argument!r}: one name, without spaces"
    return None


def _age_fault(argument: str) -> str | None:
    words = argument.split()
    if len(words) > 2 or (len(words) == 2 and words[1].upper() not in _STATUSES):
        return f"{argument!r}: write a name, and a status if only such runs count ({', '.join(_STATUSES)})"
    return None


@probe("run.last_status", argument="name", kind="text", check=_name_fault, ignore_case=True)
def run_last_status(name: str, look: Look) -> str | None:
    """Status of the newest run of a schedule or job: SUCCESS, FAILURE... `job/x` if a schedule is x too."""
    row = _newest(name, None)
    return None if row is None else row.status


@probe("run.age", argument="name [status]", kind="duration", check=_age_fault)
def run_age(argument: str, look: Look) -> dt.timedelta | None:
    """Time since the newest run of a schedule or job, or the newest with a status, ended or started."""
    name, _, status = argument.partition(" ")
    row = _newest(name, status.strip().upper() or None)
    if row is None:
        return None
    if row.end_time or row.start_time:
        moment = dt.datetime.fromtimestamp(row.end_time or row.start_time, dt.UTC)
    else:
        moment = row.create_timestamp.replace(tzinfo=dt.UTC)
    return look.now - moment


def _newest(name: str, status: str | None) -> Any:
    import sqlalchemy as sa

    from scheduler_defs import database, tags

    kind, separator, rest = name.partition("/")
    keys = {"schedule": [tags.SCHEDULE], "job": [tags.JOB]}.get(kind) if separator else None
    values = {"keys": keys or [tags.SCHEDULE, tags.JOB], "name": rest if keys else name, "status": status}
    with database.engine().connect() as connection:
        return connection.execute(sa.text(_NEWEST), values).first()

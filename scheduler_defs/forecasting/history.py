"""How long runs have taken so far: the median of the newest that succeeded, from run storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from scheduler_defs import tags

NEWEST = 20_000
"""So many of the newest successful runs are looked at, of all schedules together."""

_MEDIANS = sa.text(
    """
    -- median_durations: seconds from start to end, by schedule and by job
    WITH newest AS (
        SELECT run_id, end_time - start_time AS seconds
        FROM runs
        WHERE status = 'SUCCESS' AND start_time IS NOT NULL AND end_time IS NOT NULL
        ORDER BY id DESC
        LIMIT :newest
    )
    SELECT t.key, t.value, percentile_cont(0.5) WITHIN GROUP (ORDER BY newest.seconds) AS seconds
    FROM newest
    JOIN run_tags t ON t.run_id = newest.run_id AND t.key IN (:schedule, :job)
    GROUP BY t.key, t.value
    """
)


@dataclass(frozen=True, slots=True)
class Medians:
    """Median durations by the name of the schedule, and of the job."""

    schedules: Mapping[str, timedelta] = field(default_factory=dict)
    jobs: Mapping[str, timedelta] = field(default_factory=dict)


def median_durations(engine: sa.Engine) -> Medians:
    """One statement. Raises SQLAlchemyError when the database cannot be asked."""
    wanted = {"schedule": tags.SCHEDULE, "job": tags.JOB, "newest": NEWEST}
    found: dict[str, dict[str, timedelta]] = {tags.SCHEDULE: {}, tags.JOB: {}}
    with engine.connect() as connection:
        for row in connection.execute(_MEDIANS, wanted):
            found[row.key][row.value] = timedelta(seconds=max(0.0, row.seconds))
    return Medians(found[tags.SCHEDULE], found[tags.JOB])

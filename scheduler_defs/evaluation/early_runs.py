"""Occurrences of `at` schedules that somebody ran before their time (`schedules run NAME --instead`).

The run itself is the mark: it carries the occurrence, so launching it and taking the occurrence are one act,
and a crash leaves either both or neither. Whoever looks and whoever launches hold the same advisory lock, so
that a tick never looks while such a launch is on its way.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from scheduler_defs import tags

LAUNCH_SECONDS = 20
"""A launch under the lock is given up after this time."""
WAIT_SECONDS = 30
"""A tick waits so long for a launch on its way; whoever holds the lock longer has been stopped."""

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('signalbox at ' || :schedule, 0))")

_RUNS = sa.text(
    """
    -- anticipated_occurrences: runs by hand of the schedule that stand for an occurrence
    SELECT s.value AS schedule, s.run_id, f.value AS scheduled_for
    FROM run_tags s
    JOIN run_tags t ON t.run_id = s.run_id AND t.key = :trigger AND t.value = :run_now
    JOIN run_tags f ON f.run_id = s.run_id AND f.key = :scheduled_for
    WHERE s.key = :tag AND s.value = ANY(:schedules)
    """
)


def early_runs_of(engine: sa.Engine, schedule: str) -> Mapping[dt.datetime, str]:
    """Run ids by occurrence, once no launch is on its way any more."""
    try:
        with taking(engine, schedule) as found:
            return found
    except OperationalError as error:
        if "lock timeout" not in str(error):
            raise
    return all_early_runs(engine, [schedule]).get(schedule, {})


def all_early_runs(engine: sa.Engine, schedules: Sequence[str]) -> Mapping[str, Mapping[dt.datetime, str]]:
    """Run ids by schedule and occurrence, without waiting for launches on their way."""
    with engine.connect() as connection:
        return _read(connection, schedules)


@contextmanager
def taking(engine: sa.Engine, schedule: str) -> Iterator[Mapping[dt.datetime, str]]:
    """Hold the schedule's lock; gives run ids by occurrence. A launch inside is seen by every later look."""
    with engine.begin() as connection:
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'"))
        connection.execute(_LOCK, {"schedule": schedule})
        yield _read(connection, [schedule]).get(schedule, {})


def _read(connection: sa.Connection, schedules: Sequence[str]) -> dict[str, dict[dt.datetime, str]]:
    wanted = {
        "tag": tags.SCHEDULE,
        "schedules": list(schedules),
        "trigger": tags.TRIGGER,
        "run_now": tags.Trigger.RUN_NOW.value,
        "scheduled_for": tags.SCHEDULED_FOR,
    }
    found: defaultdict[str, dict[dt.datetime, str]] = defaultdict(dict)
    for row in connection.execute(_RUNS, wanted):
        found[row.schedule][dt.datetime.fromisoformat(row.scheduled_for)] = row.run_id
    return dict(found)

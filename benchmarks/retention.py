"""What pruning costs: runs a second, the longest lock, and what a run takes in the database before and after.

    python -m benchmarks.retention [--runs 100000] [--events 20] [--json]

An embedded Postgres with so many ended runs of a hundred schedules, a dozen tags and so many events each;
nine of ten are old. Wall times.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.postgres import embedded_postgres
from scheduler_defs import database
from scheduler_defs.declarations.models.settings.retention import Keep, Retention
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.settings import STATE, settings
from scheduler_defs.upkeep.retention.prune import prune

LEAST_RUNS_A_SECOND = 1_000
LONGEST_LOCK_SECONDS = 0.1
FILL = """
INSERT INTO runs
    (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp, start_time, end_time)
SELECT gen_random_uuid()::text, 'report', CASE WHEN n % 20 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END,
       repeat('x', 1500), at, at, extract(epoch FROM at), extract(epoch FROM at)
FROM (SELECT n, CAST(:now AS timestamp) - make_interval(secs => 86400.0 * 100 * (:runs - n) / :runs) AS at
      FROM generate_series(1, :runs) AS n) AS each;
INSERT INTO run_tags (run_id, key, value)
SELECT r.run_id, CASE k WHEN 1 THEN 'signalbox/schedule' WHEN 2 THEN 'signalbox/job' ELSE 'tag/' || k END,
       CASE k WHEN 1 THEN 's' || r.id % 100 WHEN 2 THEN 'report' ELSE 'value' END
FROM runs r CROSS JOIN generate_series(1, 12) AS k;
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key)
SELECT r.run_id, repeat('e', 600), CASE WHEN k % 4 = 0 THEN NULL ELSE 'STEP_OUTPUT' END, r.create_timestamp,
       'step'
FROM runs r CROSS JOIN generate_series(1, :events) AS k
"""
SIZE = sa.text(
    "SELECT sum(pg_total_relation_size(name::regclass))"
    " FROM unnest(ARRAY['runs', 'run_tags', 'event_logs']) AS name"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retention", description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with embedded_postgres() as url, tempfile.TemporaryDirectory() as state:
        os.environ[STATE] = state
        found = measure(url, asked.runs, asked.events, Path(state))
    if asked.json:
        print(json.dumps({"load": os.getloadavg()[0], **found}, indent=2))
        return
    slow = (
        found["runs_a_second"] < LEAST_RUNS_A_SECOND or found["longest_lock_seconds"] > LONGEST_LOCK_SECONDS
    )
    print(
        f"{found['pruned']:,} of {asked.runs:,} runs: {found['runs_a_second']:,.0f} a second,"
        f" longest lock {found['longest_lock_seconds'] * 1000:.0f} ms{'   OVER' if slow else ''};"
        f" dry run {found['dry_run_seconds']:.1f} s; {found['bytes_a_run_before']:,.0f} bytes a run before,"
        f" {found['bytes_a_run_after']:,.0f} after a VACUUM FULL; load {os.getloadavg()[0]:.1f}"
    )


def measure(url: str, runs: int, events: int, state: Path) -> dict[str, Any]:
    """Fill a database, and prune it."""
    engine = database.engine(url)
    database.upgrade(engine)
    SignalboxStorage(url)
    now = dt.datetime.now(dt.UTC)
    values = {"now": now.replace(tzinfo=None), "runs": runs, "events": events}
    with engine.begin() as connection:
        for part in FILL.split(";"):
            connection.execute(sa.text(part), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
        before = connection.execute(SIZE).scalar_one()
    retention = Retention(runs=Keep(age=dt.timedelta(days=10), most=10**8), events=dt.timedelta(days=365))
    began = time.perf_counter()
    would = prune(engine, retention, settings(), now, dry_run=True)
    dry = time.perf_counter() - began
    began = time.perf_counter()
    done = prune(engine, retention, settings(), now)
    seconds = time.perf_counter() - began
    if (would.runs, would.events) != (done.runs, done.events):
        raise RuntimeError(f"the dry run said {would.document()}, and it was {done.document()}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("runs", "run_tags", "event_logs"):
            connection.execute(sa.text(f"VACUUM FULL {table}"))
        after, left = connection.execute(SIZE).scalar_one(), runs - done.runs
    return {
        "pruned": done.runs,
        "runs_a_second": done.runs / seconds,
        "longest_lock_seconds": done.longest_lock_seconds,
        "dry_run_seconds": dry,
        "bytes_a_run_before": float(before) / runs,
        "bytes_a_run_after": float(after) / max(1, left),
    }


if __name__ == "__main__":
    main()

"""A history of a year, as copies of runs that a real stack has executed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.compare.stacks import until
from benchmarks.stack_bars import MeasuredStack
from scheduler_defs import tags
from scheduler_defs.settings import STATE, settings
from scheduler_defs.stack.components.offline import offline_database

JOBS = 10
DAYS = 365
_BATCH = 20_000
_TABLES = ("runs", "run_tags", "event_logs")
# Each schedule's runs are copies of the run of one of the first ten, whose job they have in common.
_CHOSEN = """
    CREATE TEMPORARY TABLE chosen ON COMMIT DROP AS
    SELECT n, md5('run' || n)::uuid::text AS run_id, 's-' || (n % :schedules) AS schedule,
           (CAST(:templates AS text[]))[1 + n % :schedules % :jobs] AS template,
           's-' || (n % :schedules % :jobs) AS of_schedule,
           CAST(:now AS timestamp) - (:runs - n) * CAST(:days AS integer) * interval '1 day' / :runs AS at,
           CASE WHEN n % 20 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END AS status
    FROM generate_series(:first, :last) AS n
"""
_FILL = (
    """
    INSERT INTO runs
        (run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp,
         start_time, end_time)
    SELECT c.run_id, r.snapshot_id, r.pipeline_name, c.status,
           replace(replace(r.run_body, r.run_id, c.run_id),
                   '"' || c.of_schedule || '"', '"' || c.schedule || '"'),
           c.at, c.at + interval '40 seconds', extract(epoch FROM c.at) + 1, extract(epoch FROM c.at) + 40
    FROM chosen c JOIN runs r ON r.run_id = c.template ORDER BY c.n
    """,
    """
    INSERT INTO run_tags (run_id, key, value)
    SELECT c.run_id, t.key,
           CASE t.key WHEN :schedule THEN c.schedule
                      WHEN :scheduled_for THEN to_char(c.at, 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
                      ELSE t.value END
    FROM chosen c JOIN run_tags t ON t.run_id = c.template ORDER BY c.n, t.id
    """,
    """
    INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT c.run_id, replace(e.event, c.template, c.run_id), e.dagster_event_type, c.at, e.step_key,
           e.asset_key, e.partition
    FROM chosen c JOIN template_events e ON e.run_id = c.template ORDER BY c.n, e.id
    """,
    """
    INSERT INTO signalbox.occurrences
        (schedule, due, job, outcome, run_id, created_at, attempts, status, tick, decided_at, decided_by)
    SELECT schedule, at AT TIME ZONE 'UTC', 'j', 'launched', run_id, at AT TIME ZONE 'UTC', 1, status,
           at AT TIME ZONE 'UTC', at AT TIME ZONE 'UTC', 'bench' FROM chosen
    """,
)
# What was materialized comes first, then what a run cannot be drawn without.
_TEMPLATE_EVENTS = """
    CREATE TABLE template_events AS
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY
            dagster_event_type IS DISTINCT FROM 'ASSET_MATERIALIZATION',
            coalesce(dagster_event_type, '') NOT IN (
                'PIPELINE_ENQUEUED', 'PIPELINE_START', 'PIPELINE_SUCCESS', 'LOGS_CAPTURED'), id) AS place
        FROM event_logs WHERE run_id = ANY(CAST(:templates AS text[]))) AS each
    WHERE place <= :events
"""
_SECONDARY = """
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS made
    FROM pg_index i WHERE i.indrelid::regclass::text = ANY(:tables) AND NOT i.indisunique
"""


def write_yard(config: Path, schedules: int) -> None:
    """Ten jobs, one of which makes an asset, and schedules that do not fall due while they are looked at."""
    config.mkdir(parents=True)
    lines = ["retention: {automatic: false}", "jobs:", "  j-0: {command: [echo, '0'], assets: {table: {}}}"]
    lines += [f"  j-{number}: {{command: [echo, '{number}']}}" for number in range(1, JOBS)]
    lines.append("schedules:")
    lines += [
        f"  s-{number}: {{job: j-{number % JOBS}, cron: '0 0 29 2 *', owner: team{number % 7}}}"
        for number in range(schedules)
    ]
    (config / "yard.yaml").write_text("\n".join(lines) + "\n")


def run_templates(stack: MeasuredStack) -> list[str]:
    """One run of each job, ended."""
    found: list[str] = []
    for number in range(JOBS):
        found.append(json.loads(stack.run("schedules", "run", f"s-{number}", "--json"))["run_id"])
        stack.wait(found[-1], "SUCCESS")
    (real,) = stack.rows(
        "SELECT count(*) / :jobs AS events, (SELECT count(*) / :jobs FROM run_tags) AS tags FROM event_logs",
        jobs=JOBS,
    )
    print(f"a run of one command has {real.events} events and {real.tags} tags", flush=True)
    return found


def fill(state: Path, templates: list[str], runs: int, schedules: int, events: int) -> None:
    """So many runs, evenly over the schedules and the days."""
    os.environ[STATE] = str(state)
    os.environ.pop("SIGNALBOX_POSTGRES_URL", None)
    began = time.monotonic()
    with offline_database(settings()) as url:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        fill_tables(engine, templates, runs, schedules, events)
        engine.dispose()
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)


def fill_tables(engine: sa.Engine, templates: list[str], runs: int, schedules: int, events: int) -> None:
    """The same, into a database that is there; `templates`: a run of each job, ended."""
    values = {
        "templates": templates,
        "events": events,
        "schedules": schedules,
        "jobs": JOBS,
        "days": DAYS,
        "runs": runs,
        "schedule": tags.SCHEDULE,
        "scheduled_for": tags.SCHEDULED_FOR,
    }
    with engine.begin() as connection:
        values["now"] = connection.execute(sa.text("SELECT now() AT TIME ZONE 'UTC'")).scalar_one()
        connection.execute(sa.text(_TEMPLATE_EVENTS), values)
    with _without_indexes(engine):
        for first in range(1, runs + 1, _BATCH):
            batch = {**values, "first": first, "last": min(runs, first + _BATCH - 1)}
            with engine.begin() as connection:
                # Neither triggers nor foreign keys: the copies are whole.
                connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
                connection.execute(sa.text("SET LOCAL synchronous_commit = off"))
                connection.execute(sa.text(_CHOSEN), batch)
                for statement in _FILL:
                    connection.execute(sa.text(statement), batch)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("DROP TABLE template_events"))
        connection.execute(sa.text("VACUUM ANALYZE"))


@contextmanager
def _without_indexes(engine: sa.Engine) -> Iterator[None]:
    """While much is written: made again at the end, as they were."""
    with engine.begin() as connection:
        found: list[Any] = list(connection.execute(sa.text(_SECONDARY), {"tables": list(_TABLES)}))
        for each in found:
            connection.execute(sa.text(f"DROP INDEX {each.name}"))
    yield
    for each in found:
        with engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL maintenance_work_mem = '512MB'"))
            connection.execute(sa.text(each.made))


def wait_until_healthy(stack: MeasuredStack) -> None:
    """Until everything is, and nothing of the start is left to do."""
    until(lambda: json.loads(stack.run("status", "--json"))["healthy"], 120, "a healthy stack", 1.0)

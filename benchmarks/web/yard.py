"""The yard that is served: a thousand schedules with a history, a hundred tasks."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.compare.stacks import until
from benchmarks.stack_bars import MeasuredStack
from scheduler_defs import tags

SCHEDULES = 1_000
RUNS_EACH = 5
TASKS = 100
RULES = (
    "cron: '{minute} {hour} * * *'",
    "every: 7d",
    "rrule: FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0",
    "cron: '30 2 * * mon-fri', timezone: America/New_York",
    "at: 2099-12-31T23:00",
)
JOBS = 50
_RUN = """
    INSERT INTO runs
        (run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp,
         start_time, end_time)
    SELECT 'old-' || s || '-' || n, snapshot_id, pipeline_name, status,
        replace(run_body, run_id, 'old-' || s || '-' || n), create_timestamp - n * interval '1 day',
        update_timestamp - n * interval '1 day', start_time - n * 86400, end_time - n * 86400
    FROM runs, generate_series(0, :schedules - 1) AS s, generate_series(1, :each) AS n WHERE run_id = :run_id
"""
_TAGS = """
    INSERT INTO run_tags (run_id, key, value)
    SELECT 'old-' || s || '-' || n, key, CASE key WHEN :schedule THEN 's-' || s ELSE value END
    FROM run_tags, generate_series(0, :schedules - 1) AS s, generate_series(1, :each) AS n
    WHERE run_id = :run_id
"""


# What the ledger says of the last twenty days: each run of above, and older ones that are gone.
_LEDGER = """
    INSERT INTO signalbox.occurrences
        (schedule, due, job, outcome, run_id, created_at, attempts, status, tick, decided_at, decided_by)
    SELECT 's-' || s, date_trunc('minute', now()) - n * interval '1 day', 'noop', 'launched',
        CASE WHEN n <= :each THEN 'old-' ELSE 'gone-' END || s || '-' || n, now() - n * interval '1 day', 1,
        CASE WHEN (s + n) % 9 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END,
        now() - n * interval '1 day', now() - n * interval '1 day', 'bench'
    FROM generate_series(0, :schedules - 1) AS s, generate_series(1, 20) AS n
    ON CONFLICT DO NOTHING
"""


def write(config: Path, schedules: int) -> None:
    """Declarations of so many schedules, which seldom fall due, of fifty jobs; and a queue nobody serves."""
    config.mkdir(parents=True)
    lines = ["jobs:", "  noop: {command: ['true']}"]
    lines += [f"  j-{number}: {{command: [echo, '{number}']}}" for number in range(JOBS)]
    lines.append("schedules:")
    for number in range(schedules):
        rule = RULES[number % len(RULES)].format(minute=number % 60, hour=number // 60 % 24)
        lines.append(f"  s-{number}: {{job: j-{number % JOBS}, {rule}, description: Number {number}}}")
    lines += ["agents:", "  nobody: {queue: dev, limit: 1, command: ['true'], enabled: false}"]
    (config / "yard.yaml").write_text("\n".join(lines) + "\n")


def fill(stack: MeasuredStack, schedules: int) -> None:
    """Give each schedule runs of the last days, and the queue its tasks."""
    run_id = json.loads(stack.run("schedules", "run", "s-0", "--json"))["run_id"]
    stack.wait(run_id, "SUCCESS")
    values = {"run_id": run_id, "schedules": schedules, "each": RUNS_EACH}
    stack.rows(_RUN, **values)
    stack.rows(_TAGS, **values, schedule=tags.SCHEDULE)
    stack.rows(_LEDGER, schedules=schedules, each=RUNS_EACH)
    stack.rows("ANALYZE runs, run_tags, signalbox.occurrences")
    stack.rows(
        "INSERT INTO signalbox.tasks (title, queue, created_by)"
        " SELECT 'task ' || n, 'dev', 'bench' FROM generate_series(1, :n) n",
        n=TASKS,
    )
    until(lambda: json.loads(stack.run("status", "--json"))["healthy"], 60, "a healthy stack", 1.0)

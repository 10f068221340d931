"""`python -m benchmarks.queues`: agent queues against what they were promised, on this machine as it is.

The pass: 100,000 idle tasks in an embedded Postgres, a fifth of them blocked in chains, 50 agents. The stack:
one of its own with two slots and an agent that does nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.bars import SIGNALBOX, report
from benchmarks.compare.stacks import until
from benchmarks.matching import MadeUpQueue
from benchmarks.postgres import embedded_postgres
from benchmarks.stack_bars import Measured, MeasuredStack, seconds
from scheduler_defs import database
from scheduler_defs.agents.deciding.matching.reservations import Reservation
from scheduler_defs.agents.pool.workload import workload
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.settings import CONFIG, POSTGRES_URL, PROJECT_ROOT, STATE, sqlalchemy_url
from scheduler_defs.stack.machine import record

YARD = """
agents:
  noop: {queue: noop, limit: 2, command: ["true"]}
"""
OPEN_TASKS = 10_000
CHAIN = 10


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queues", description=__doc__)
    parser.add_argument("--only", choices=("postgres", "stack"), help="default: both")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/queues.json"))
    options = parser.parse_args()
    load = os.getloadavg()[0]
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bars-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if options.only != "stack":
            for measured in chain(over_postgres(options.tasks, options.agents), over_open_tasks(folder)):
                report(results, *measured)
        if options.only != "postgres":
            for measured in on_a_stack(folder):
                report(results, *measured)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"load_at_begin": load, "bars": results}, indent=2) + "\n")
    print(f"load at the begin {load:.1f}; all numbers in {options.out}")


def over_postgres(tasks: int, agents: int) -> Iterator[Measured]:
    """Import and passes."""
    with embedded_postgres() as url:
        queue = MadeUpQueue(url, tasks=tasks, agents=agents)
        yield f"import of {tasks:,} tasks", 20, [queue.fill()]
        yield f"the first pass over {tasks:,} tasks after that", 20, [queue.passed(queue.pool).seconds]
        for name, pool in (("all agents free", queue.pool), ("one slot free", queue.busy_pool)):
            passes = [queue.passed(pool) for _ in range(11)]
            what = f"{passes[0].placed} placed, {name}"
            yield f"a pass: {what}", 0.150, [each.seconds for each in passes]
            yield f"  of which matching: {name}", 0.050, [each.matching_seconds for each in passes]
        passes = [queue.weighted() for _ in range(11)]
        took = [each.matching_seconds for each in passes]
        yield f"matching: {passes[0].placed} placed, two queues by weight", 0.050, took
        for path in ("src/7/**", "src/**"):
            passes = [queue.passed(queue.busy_pool, [Reservation(0, (path,))]) for _ in range(11)]
            yield f"a pass: one slot free, {path} reserved", 0.150, [each.seconds for each in passes]
            yield f"  of which matching: {path} reserved", 0.050, [each.matching_seconds for each in passes]
        print(f"{'most memory that Python took for a pass':58}{queue.peak_kilobytes():9.0f} kB", flush=True)


def over_open_tasks(folder: Path) -> Iterator[Measured]:
    """Reports, as whole commands."""
    (folder / "config").mkdir()
    (folder / "config" / "agents.yaml").write_text(YARD)
    with embedded_postgres() as url:
        engine = database.engine(url)
        database.upgrade(engine)
        tasks = [
            NewTask(
                title=f"task {n}", queue="noop", priority=n % 10, key=n, blocked_by=(n - 1,) if n % 5 else ()
            )
            for n in range(OPEN_TASKS)
        ]
        queue = PostgresTaskQueue(engine)
        queue.add(tasks)

        def reported() -> None:
            json.dumps(workload(queue.open_tasks(None), dt.datetime.now(dt.UTC)))

        reported()
        yield f"workload report of {OPEN_TASKS:,} open tasks", 1, [seconds(reported) for _ in range(5)]
        asking = {POSTGRES_URL: url, CONFIG: str(folder / "config"), STATE: str(folder / "state")}
        for words in (("report", "workload", "--format", "json"), ("queues",)):
            took = [seconds(lambda words=words: asked(asking, *words)) for _ in range(5)]
            yield f"signalbox {' '.join(words[:2])}, the whole command", 2, took
        engine.dispose()


def on_a_stack(folder: Path) -> Iterator[Measured]:
    """From a task to its run, and through a chain, with everything running."""
    config = folder / "stack-config"
    config.mkdir()
    (config / "agents.yaml").write_text(YARD)
    stack = MeasuredStack(folder / "stack-state", config)
    try:
        stack.run("up", "--detach", "--workers", "2")
        found = record.read(stack.state)
        assert found is not None
        engine = sa.create_engine(sqlalchemy_url(found.exports[POSTGRES_URL]))
        queue = PostgresTaskQueue(engine)
        through(stack, queue, 1)  # the worker loads what it needs
        alone = [through(stack, queue, 1) for _ in range(10)]
        yield "a task added, until its run is requested", 1, [row.requested for row in alone]
        yield "a task added, until it is complete", 5, [row.complete for row in alone]
        chains = [through(stack, queue, CHAIN).complete for _ in range(3)]
        yield f"a chain of {CHAIN} tasks that do nothing", 25, chains
        engine.dispose()
    finally:
        stack.run("down")


def asked(environment: Mapping[str, str], *words: str) -> None:
    """A whole `signalbox` command."""
    variables = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **environment}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    argv = [*SIGNALBOX, *words]
    subprocess.run(argv, env=variables, cwd=PROJECT_ROOT, check=True, stdout=subprocess.DEVNULL)


THROUGH = """
    SELECT extract(epoch FROM min(asked.requested_at) - min(task.created_at))::float AS requested,
           extract(epoch FROM max(task.finished_at) - min(task.created_at))::float AS complete
    FROM signalbox.tasks AS task
    JOIN signalbox.assignments AS asked ON asked.task_id = task.id
    WHERE task.id BETWEEN :first AND :last
    HAVING count(*) FILTER (WHERE task.status = 'complete' AND asked.ended_at IS NOT NULL) = :length
"""


def through(stack: MeasuredStack, queue: PostgresTaskQueue, length: int) -> Any:
    """Seconds until the first run was requested and until all was complete, of a chain of tasks."""
    ids = queue.add(
        [
            NewTask(title="nothing", queue="noop", key=n, blocked_by=(n - 1,) if n else ())
            for n in range(length)
        ]
    )
    values = {"first": ids[0], "last": ids[-1], "length": length}
    (row,) = until(lambda: stack.rows(THROUGH, **values), 120, f"{length} tasks to be complete")
    return row


if __name__ == "__main__":
    main()

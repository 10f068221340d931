"""The bars of `benchmarks.bars` that need a running stack: its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.compare.stacks import until
from scheduler_defs.settings import PROJECT_ROOT, sqlalchemy_url
from scheduler_defs.stack.machine import record

YARD = """
jobs:
  noop: {command: ["true"]}
  sleeper: {command: [sleep, "600"]}
  one-at-a-time: {command: [sleep, "600"], max_concurrent: 1}
  diamond:
    steps:
      top: {command: ["true"]}
      left: {command: ["true"], needs: [top]}
      right: {command: ["true"], needs: [top]}
      bottom: {command: ["true"], needs: [left, right]}
schedules:
  yearly: {job: noop, cron: "0 0 1 1 *"}
"""
QUEUED_BEFORE = 5_000
COPY_RUNS = """
    INSERT INTO runs
        (run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp)
    SELECT run_id || '-' || n, snapshot_id, pipeline_name, status,
        replace(run_body, run_id, run_id || '-' || n), create_timestamp, update_timestamp
    FROM runs, generate_series(1, :number) AS n WHERE run_id = :run_id
"""
COPY_TAGS = """
    INSERT INTO run_tags (run_id, key, value)
    SELECT :run_id || '-' || n, key, value FROM run_tags, generate_series(1, :number) AS n
    WHERE run_id = :run_id
"""

Measured = tuple[str, float, list[float]]
"""Name, the most that it may take, what it took (seconds)."""


def measure_stack(folder: Path) -> Iterator[Measured]:
    """Start a stack with two slots, measure, end it."""
    config = folder / "stack-config"
    config.mkdir()
    (config / "yard.yaml").write_text(YARD)
    stack = MeasuredStack(folder / "stack-state", config)
    try:
        up = ("up", "--detach", "--workers", "2")
        yield "signalbox up --detach, nothing there yet", 120, [seconds(lambda: stack.run(*up))]
        down = [seconds(lambda: stack.run("down"))]
        again = []
        for _ in range(3):
            again.append(seconds(lambda: stack.run(*up)))
            down.append(seconds(lambda: stack.run("down")))
        yield "signalbox up --detach, the second time", 20, again
        yield "signalbox down", 10, down
        stack.run(*up)
        run = ("schedules", "run", "yearly")
        yield "signalbox schedules run NAME", 1, [seconds(lambda: stack.run(*run)) for _ in range(7)]
        yield "diamond of 4 steps, creation to end", 1.5, [stack.diamond() for _ in range(7)]
        yield "cancel of a running run, until CANCELED", 2, [stack.cancel_running() for _ in range(5)]
        yield "cancel of a queued run, until CANCELED", 2, [stack.cancel_queued() for _ in range(5)]
        yield f"start behind {QUEUED_BEFORE:,} blocked runs, from creation", 3, stack.start_behind_many(5)
    finally:
        stack.run("down")


def seconds(call: Callable[[], object]) -> float:
    """Wall time of a call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


class MeasuredStack:
    """One stack, and the few things that are measured on it."""

    def __init__(self, state: Path, config: Path) -> None:
        self.state = state
        self.config = config
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SIGNALBOX_", "DAGSTER_")) and name != "PYTHONDONTWRITEBYTECODE"
        }
        self.environment = {**kept, "PYTHONPATH": str(PROJECT_ROOT)}

    def run(self, *words: str, wrong: bool = False) -> str:
        """Run `signalbox` on this stack; returns what it prints. `wrong`: its answer may be no."""
        argv = [*(sys.executable, "-m", "scheduler_defs.cli.main"), *words]
        folders = ["--state", str(self.state), "--config", str(self.config)]
        done = subprocess.run(
            [*argv, *folders],
            env=self.environment,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=200,
        )
        if done.returncode and not wrong:
            raise RuntimeError(f"signalbox {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def launch(self, job: str) -> str:
        """Launch a job; returns the run's id."""
        return json.loads(self.run("jobs", "launch", job, "--json"))["run_id"]

    def rows(self, statement: str, **parameters: object) -> list[Any]:
        """What a statement finds in the stack's database."""
        found = record.read(self.state)
        if found is None:
            raise RuntimeError("no stack runs")
        engine = sa.create_engine(sqlalchemy_url(found.exports["SIGNALBOX_POSTGRES_URL"]))
        try:
            with engine.begin() as connection:
                result = connection.execute(sa.text(statement), parameters)
                return list(result) if result.returns_rows else []
        finally:
            engine.dispose()

    def wait(self, run_id: str, status: str) -> Any:
        """The run's row, once it has this status."""
        statement = """
            SELECT start_time, end_time, extract(epoch FROM create_timestamp)::float AS created
            FROM runs WHERE run_id = :id AND status = :status
        """
        (row,) = until(lambda: self.rows(statement, id=run_id, status=status), 60, f"{run_id} {status}")
        return row

    def diamond(self) -> float:
        """Seconds from creation to end of four steps."""
        row = self.wait(self.launch("diamond"), "SUCCESS")
        return row.end_time - row.created

    def cancel_running(self) -> float:
        """Seconds from the command line to CANCELED, of a run whose command runs."""
        run_id = self.launch("sleeper")
        self.wait(run_id, "STARTED")
        return self.cancel(run_id)

    def cancel_queued(self) -> float:
        """The same for a run that waits for a slot."""
        running = [self.launch("sleeper") for _ in range(2)]
        for run_id in running:
            self.wait(run_id, "STARTED")
        waiting = self.launch("noop")
        took = self.cancel(waiting)
        for run_id in running:
            self.cancel(run_id)
        return took

    def cancel(self, run_id: str) -> float:
        """Seconds from the command line to CANCELED."""
        began = time.time()
        self.run("runs", "cancel", run_id)
        return self.wait(run_id, "CANCELED").end_time - began

    def start_behind_many(self, times: int) -> list[float]:
        """Seconds from creation to start of a run, with thousands queued before it that may not start."""
        running, blocked = self.launch("one-at-a-time"), self.launch("one-at-a-time")
        self.wait(running, "STARTED")
        self.rows(COPY_RUNS, run_id=blocked, number=QUEUED_BEFORE)
        self.rows(COPY_TAGS, run_id=blocked, number=QUEUED_BEFORE)
        took = []
        for _ in range(times):
            row = self.wait(self.launch("noop"), "SUCCESS")
            took.append(row.start_time - row.created)
        self.rows("DELETE FROM runs WHERE run_id LIKE :copies", copies=f"{blocked}-_%")
        self.cancel(blocked)
        self.cancel(running)
        return took

"""What a schedule costs: its next occurrence, one tick in the code server, and a forecast of a thousand.

    python -m benchmarks.ticks [--times N] [--json] [--no-forecast]

Ticks go through Dagster's own `ScheduleDefinition.evaluate_tick`, with the facts of the instance in memory:
what is measured is the deciding, without any I/O. Milliseconds are CPU time, the median and the worst of N
calls. The forecast is the whole command, in wall seconds: 1,000 schedules over 7 days, as JSON and as a page.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from benchmarks.made_up import write_made_up_yard
from scheduler_defs import schedules as built
from scheduler_defs import settings
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.evaluation.tick import Evaluator, SwitchedOn, TickOutcome
from scheduler_defs.ledger.book import Book, Written
from scheduler_defs.ledger.entries import Decided, Standing
from scheduler_defs.timing import next_occurrence

DUE = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
"""A Monday, 09:00 UTC: every schedule below is due then."""
LIMIT_MS = 5.0

YARD = """
defaults: {retries: {max_attempts: 3, base: 60s}, tags: {team: operations}}
directives: {careful: Look twice.}
jobs: {report: {command: [echo, "{params.name}"], params: {name: {default: x}}, max_concurrent: 3}}
schedules:
  cron: {job: report, cron: "0 9 * * mon-fri", directive: careful, config: {name: y}}
  cron-list: {job: report, cron: ["0 9 * * *", "30 12 1 * *", "*/7 22 * * sat"], timezone: Europe/Lisbon}
  cron-yearly: {job: report, cron: "0 9 2 3 *", timezone: UTC}
  every-10m: {job: report, every: 10m, timezone: America/New_York}
  every-month: {job: report, every: 1 month, anchor: 2026-01-02T09:00}
  rrule: {job: report, rrule: FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0}
  rrule-yearly: {job: report, rrule: FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=2;BYHOUR=9;BYMINUTE=0}
  rrule-counted: {job: report, rrule: FREQ=DAILY;COUNT=9000;BYHOUR=9;BYMINUTE=0, anchor: 2006-03-02T09:00}
  at: {job: report, at: [2026-03-02T09:00, 2026-06-01T00:00]}
  conditional: {job: report, check_every: 5m, when: {subject: "env:HOME", op: exists, value: true}}
  excluding: {job: report, every: 10m, exclude: [{holidays: US}, 2026-12-24, {cron: "0 2 * * *", for: 2h}]}
  limited: {job: report, every: 10m, max_global: 5000, max_per_job: 4000, overlap: allow}
  with-jitter: {job: report, every: 10m, jitter: 1m}
"""


class Forgetful(Book):
    """A ledger without a database: each call is to find the same."""

    def __init__(self, handled: dt.datetime) -> None:
        super().__init__(_no_database)
        self.handled = handled

    def standing(self, schedule: str) -> Standing:
        return Standing(handled=self.handled, since=self.handled)

    def write(self, decided: Decided) -> Written:
        return frozenset(entry.due for entry in decided.entries)


class AlwaysOn(Evaluator):
    """An evaluator that asks no instance since when schedules are on."""

    def evaluate(
        self,
        declarations: Declarations,
        schedule: Schedule,
        tick: dt.datetime,
        now: dt.datetime,
        switched_on: SwitchedOn,
        *,
        dry_run: bool = False,
    ) -> TickOutcome:
        return super().evaluate(declarations, schedule, tick, now, dict)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ticks", description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-forecast", action="store_true")
    asked = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="bench-ticks-") as folder:
        rows = [*measure_ticks(Path(folder), asked.times)]
        forecasts = {} if asked.no_forecast else measure_forecast(Path(folder))
    if asked.json:
        print(json.dumps({"load": os.getloadavg()[0], "ticks": rows, "forecast": forecasts}, indent=2))
        return
    print(f"{'':24}{'next occurrence':>18}{'tick, due':>22}{'tick, not due':>22}   ms CPU: median (worst)")
    for row in rows:
        cells = [f"{row[key]['median']:.3f} ({row[key]['worst']:.2f})" for key in ("next", "due", "not_due")]
        over = "   OVER" if max(row["due"]["median"], row["not_due"]["median"]) > LIMIT_MS else ""
        print(f"{row['schedule']:24}{cells[0]:>18}{cells[1]:>22}{cells[2]:>22}{over}")
    for name, used in forecasts.items():
        print(
            f"forecast of 1,000 schedules, 7 days, {name}: {used['wall']:.1f} s wall, {used['cpu']:.1f} s CPU"
        )
    print(f"load {os.getloadavg()[0]:.1f}")


def measure_ticks(folder: Path, times: int) -> list[dict[str, Any]]:
    """For each kind: its next occurrence, and a tick that is due and one that is not; milliseconds."""
    config = folder / "kinds"
    config.mkdir()
    (config / "yard.yaml").write_text(YARD)
    found = load(config)
    assert found.problems == (), found.problems
    rows = [
        measure_schedule(found.declarations, each, times) for each in found.declarations.schedules.values()
    ]
    outage = found.declarations.schedules["every-10m"].model_copy(update={"name": "after-an-outage"})
    return [*rows, measure_schedule(found.declarations, outage, times, away=dt.timedelta(days=7))]


def measure_schedule(
    declarations: Declarations, schedule: Schedule, times: int, away: dt.timedelta | None = None
) -> dict[str, Any]:
    """`away`: how long nothing has ticked before."""
    last = DUE - (away or dt.timedelta(minutes=1))
    runs = [KnownRun(f"r{n}", "report", f"s{n % 50}", None, Stage.RUNNING) for n in range(1_000)]
    book = Forgetful(last)
    evaluator = AlwaysOn(ActiveRuns(lambda: runs, clock=lambda: 0.0), book, dict)
    built._evaluator = lambda: evaluator
    definition = built.build_schedule(declarations, schedule)

    def tick(when: dt.datetime) -> None:
        evaluator.runs._granted.clear()
        with dg.build_schedule_context(scheduled_execution_time=when) as context:
            definition.evaluate_tick(context)

    found = {
        "schedule": schedule.name,
        "next": milliseconds(lambda: next_occurrence(schedule.timing, DUE, schedule.policies), times),
        "due": milliseconds(lambda: tick(DUE), times),
    }
    book.handled = DUE
    return {**found, "not_due": milliseconds(lambda: tick(DUE + dt.timedelta(minutes=3)), times)}


def milliseconds(action: Callable[[], object], times: int) -> dict[str, float]:
    """CPU time of one call: the median and the worst."""
    action()
    spent: list[float] = []
    for _ in range(times):
        began = time.process_time()
        action()
        spent.append((time.process_time() - began) * 1_000)
    return {"median": statistics.median(spent), "worst": max(spent)}


def measure_forecast(folder: Path) -> dict[str, dict[str, float]]:
    """Wall and CPU seconds of the whole command."""
    config = write_made_up_yard(folder / "forecast", 1_000)
    environment = {**os.environ, settings.CONFIG: str(config), settings.STATE: str(folder / "state")}
    command = [sys.executable, "-m", "scheduler_defs.cli.main", "forecast", "--offline"]
    window = ["--from", "2026-03-02", "--to", "7d", "--timezone", "UTC"]
    seconds: dict[str, dict[str, float]] = {}
    for name, how in (("JSON", ["--json"]), ("page", ["--html", str(folder / "page.html")])):
        began, cpu = time.perf_counter(), _cpu_of_children()
        with (folder / "out").open("w") as out:
            subprocess.run([*command, *window, *how], env=environment, check=True, stdout=out)
        seconds[name] = {"wall": time.perf_counter() - began, "cpu": _cpu_of_children() - cpu}
    return seconds


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _no_database() -> sa.Engine:
    raise AssertionError("a tick without I/O asked the database")


if __name__ == "__main__":
    main()

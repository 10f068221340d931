"""What the ledger costs: writing a tick's decision, reading what stands, and proving a window.

    python -m benchmarks.ledger [--rows 10000 1000000] [--schedules 1000] [--days 30] [--json]

An embedded Postgres with so many rows, evenly over the schedules and days. Writing and reading are the median
of calls one after the other, and of eight threads at once, as the code server's ticks come. The proof is the
whole of `signalbox prove`, in wall seconds, and must find everything accounted for.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from benchmarks.postgres import embedded_postgres
from scheduler_defs import database
from scheduler_defs.declarations.models.declared import Declarations, Position, Schedule
from scheduler_defs.evaluation.live import version_of
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.ledger.book import Book
from scheduler_defs.ledger.entries import Decided, Entry, Outcome
from scheduler_defs.ledger.versions import come_into_force
from scheduler_defs.timing import EverySpec, Policies

LIMIT_SECONDS = 20.0
THREADS = 8
ANCHOR = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
"""From which `every` counts."""
FILL = sa.text(
    """
    INSERT INTO signalbox.occurrences
        (schedule, due, job, outcome, run_id, created_at, attempts, status, tick, decided_at, decided_by)
    SELECT s.schedule, due, 'report', 'launched', gen_random_uuid()::text, due, 1, 'SUCCESS', due, due,
           'bench'
    FROM signalbox.schedule_rules s
    CROSS JOIN LATERAL generate_series(
        to_timestamp(:anchor + ceil((extract(epoch FROM s.since) - :anchor) / :step) * :step), :until,
        make_interval(secs => :step)) AS due
    WHERE due > s.since
    """
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    for rows in asked.rows:
        with embedded_postgres() as url:
            each = measure(url, rows, asked.schedules, dt.timedelta(days=asked.days))
        found.append(each)
        if asked.json:
            continue
        over = "   OVER" if each["prove_seconds"] > LIMIT_SECONDS else ""
        print(
            f"{each['rows']:>9,} rows: write {each['write_ms']:.2f} ms alone,"
            f" {each['write_together_ms']:.2f} ms each of {THREADS} at once;"
            f" read {each['standing_ms']:.2f} ms;"
            f" prove {each['due']:,} occurrences {each['prove_seconds']:.1f} s{over};"
            f" {each['bytes_per_row']:.0f} bytes a row; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    if asked.json:
        print(json.dumps({"load": os.getloadavg()[0], "rows": found}, indent=2))


def measure(url: str, rows: int, count: int, window: dt.timedelta) -> dict[str, Any]:
    """Fill a database with so many rows, and measure."""
    engine = database.engine(url)
    database.upgrade(engine)
    SignalboxStorage(url)
    database.follow_runs(engine)
    now = dt.datetime.now(dt.UTC).replace(second=30, microsecond=0)
    minutes = max(1, round(window / dt.timedelta(minutes=1) * count / rows))
    schedules = {name: made_up(name, minutes) for name in (f"s{number:05}" for number in range(count))}
    came = time.perf_counter()
    version = version_of(Declarations(schedules=schedules))
    come_into_force(engine, version, at=now - window, actor="bench")
    in_force = time.perf_counter() - came
    with engine.begin() as connection:
        connection.execute(FILL, {"step": minutes * 60, "until": now, "anchor": ANCHOR.timestamp()})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE signalbox.occurrences"))
        size, written = connection.execute(
            sa.text(
                "SELECT pg_total_relation_size('signalbox.occurrences'), count(*) FROM signalbox.occurrences"
            )
        ).one()
    began = time.perf_counter()
    found = replay(engine, now - window, now, now)
    seconds = time.perf_counter() - began
    if not found.ok:
        raise RuntimeError(f"{len(found.proof.problems)} problems, the first {found.proof.problems[0]}")
    book = Book(lambda: engine)
    return {
        "rows": written,
        "due": found.proof.due,
        "prove_seconds": seconds,
        "in_force_seconds": in_force,
        "bytes_per_row": size / max(1, written),
        "standing_ms": median_ms(lambda number: book.standing(f"s{number:05}"), 200),
        "write_ms": median_ms(lambda number: book.write(decided(number, now)), 200),
        "write_together_ms": together_ms(lambda number: book.write(decided(10_000 + number, now)), 400),
    }


def made_up(name: str, minutes: int) -> Schedule:
    """A schedule of every so many minutes; each has a rule of its own, as schedules mostly do."""
    return Schedule(
        name=name,
        job="report",
        timing=EverySpec.parse(f"{minutes}m"),
        kind="every",
        spec=f"every {minutes}m",
        timezone="UTC",
        source=Position(file="config/schedules.yaml", line=1, column=1),
        policies=Policies(catch_up_window=dt.timedelta(minutes=int(name[1:]) + 1)),
    )


def decided(number: int, now: dt.datetime) -> Decided:
    """One launch at one tick."""
    due = now + dt.timedelta(minutes=number)
    entry = Entry(due, Outcome.LAUNCHED, None, str(uuid.uuid4()))
    return Decided(f"w{number % 1_000}", "report", due, due, due, (entry,))


def median_ms(action: Callable[[int], object], times: int) -> float:
    """Wall milliseconds of one call, one after the other."""
    spent: list[float] = []
    for number in range(times):
        began = time.perf_counter()
        action(number)
        spent.append((time.perf_counter() - began) * 1_000)
    return statistics.median(spent)


def together_ms(action: Callable[[int], object], times: int) -> float:
    """Wall milliseconds per call when several threads call."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(action, range(times)))
    return (time.perf_counter() - began) * 1_000 / times


if __name__ == "__main__":
    main()

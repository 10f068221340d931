"""What the ledger and the audit cost: writing, reading what stands, proving a window, verifying the chain.

    python -m benchmarks.ledger [--rows 10000 1000000] [--schedules 1000] [--days 30] [--json]

An embedded Postgres with so many rows, evenly over the schedules and days. Writing and reading are the median
of calls one after the other, and of eight threads at once, as the code server's ticks come. The proof is the
whole of `signalbox prove`, in wall seconds, and must find everything accounted for. The audit has as many
entries; they are sealed and verified as `signalbox audit verify` does it, and what an entry costs whoever
writes it is a transaction with one, less the same transaction without.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.postgres import embedded_postgres
from scheduler_defs import database
from scheduler_defs.audit.checkpoints import make
from scheduler_defs.audit.entries import Action
from scheduler_defs.audit.entries import Entry as Deed
from scheduler_defs.audit.sealing import seal
from scheduler_defs.audit.signing import signing_key
from scheduler_defs.audit.store import record
from scheduler_defs.audit.verifying import verify
from scheduler_defs.declarations.models.declared import Declarations, Position, Schedule
from scheduler_defs.evaluation.live import version_of
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.ledger.book import Book
from scheduler_defs.ledger.entries import Decided, Entry, Outcome
from scheduler_defs.ledger.versions import come_into_force
from scheduler_defs.timing import EverySpec, Policies

LIMIT_SECONDS = 20.0
VERIFY_SECONDS = 60.0
AUDIT_MS = 1.0
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


AUDIT_SIZE = sa.text("SELECT pg_total_relation_size('signalbox.audit_log')")
CHANGE = sa.text(
    "INSERT INTO signalbox.schedule_states (schedule, handled) VALUES (:schedule, now())"
    " ON CONFLICT (schedule) DO UPDATE SET handled = excluded.handled"
)
FILL_AUDIT = sa.text(
    """
    INSERT INTO signalbox.audit_log (actor, channel, action, subject, run_id, request_id, after)
    SELECT 'schedule:s' || n % 1000, 'system', 'run.launched', 'run:' || id, id, 'bench-' || n,
           jsonb_build_object('job', 'report', 'status', 'QUEUED',
                              'config', jsonb_build_object('bytes', 120, 'sha256', repeat('0', 64)))
    FROM (SELECT n, gen_random_uuid()::text AS id FROM generate_series(1, :entries) AS n) AS each
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
        over = "   OVER" if each["verify_seconds"] > VERIFY_SECONDS or each["audit_ms"] > AUDIT_MS else ""
        print(
            f"{each['rows']:>9,} audit entries: sealed in {each['seal_seconds']:.1f} s,"
            f" verified in {each['verify_seconds']:.1f} s (CPU {each['verify_cpu_seconds']:.1f} s);"
            f" one costs its writer {each['audit_ms']:.2f} ms{over};"
            f" {each['audit_bytes']:.0f} bytes an entry; load {os.getloadavg()[0]:.1f}",
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
        **audit(engine, rows),
        "rows": written,
        "due": found.proof.due,
        "prove_seconds": seconds,
        "in_force_seconds": in_force,
        "bytes_per_row": size / max(1, written),
        "standing_ms": median_ms(lambda number: book.standing(f"s{number:05}"), 200),
        "write_ms": median_ms(lambda number: book.write(decided(number, now)), 200),
        "write_together_ms": together_ms(lambda number: book.write(decided(10_000 + number, now)), 400),
    }


def audit(engine: sa.Engine, entries: int) -> dict[str, Any]:
    """So many entries of launches, sealed and verified."""
    with engine.begin() as connection:
        connection.execute(FILL_AUDIT, {"entries": entries})
    began = time.perf_counter()
    seal(engine)
    sealed = time.perf_counter() - began
    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder, engine.connect() as connection:
        key = signing_key(Path(folder))
        known = make(connection, key, dt.datetime.now(dt.UTC))
        assert known is not None
        verdict = verify(connection, key.public, [known])
        if not verdict.ok or verdict.entries != entries:
            raise RuntimeError(f"{verdict.entries} entries, {verdict.problems[:1]}")
    verified, cpu = time.perf_counter() - began, time.process_time() - cpu
    with engine.connect() as connection:
        size = connection.execute(
            sa.text("SELECT pg_total_relation_size('signalbox.audit_log')")
        ).scalar_one()
    return {
        "seal_seconds": sealed,
        "verify_seconds": verified,
        "verify_cpu_seconds": cpu,
        "audit_bytes": size / entries,
        "audit_ms": quick_ms(lambda number: transaction(engine, number))
        - quick_ms(lambda number: transaction(engine, None)),
    }


def transaction(engine: sa.Engine, number: int | None) -> None:
    """As a launch is: something is written; and, with a number, an entry of the audit."""
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE signalbox.occurrences SET attempts = 2 WHERE schedule = 's00001' AND attempts = 1"
            )
        )
        if number is not None:
            after = {"job": "report", "status": "QUEUED", "config": {"bytes": 120, "sha256": "0" * 64}}
            record(connection, Deed(Action.RUN_LAUNCHED, f"run:{uuid.uuid4()}", after=after))


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


def quick_ms(action: Callable[[int], object]) -> float:
    """Wall milliseconds that a tenth of 500 calls stay below: other work disturbs that least."""
    spent: list[float] = []
    for number in range(500):
        began = time.perf_counter()
        action(number)
        spent.append((time.perf_counter() - began) * 1_000)
    return statistics.quantiles(spent, n=10)[0]


def together_ms(action: Callable[[int], object], times: int) -> float:
    """Wall milliseconds per call when several threads call."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(action, range(times)))
    return (time.perf_counter() - began) * 1_000 / times


if __name__ == "__main__":
    main()

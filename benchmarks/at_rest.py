"""`python -m benchmarks.at_rest STATE`: what the stack on a state folder costs while nothing is done.

By component: proportional memory (PSS: shared pages are divided among those who share them), CPU, processes;
and the transactions in Postgres. The load is printed: CPU grows with it, memory does not.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import psutil
import sqlalchemy as sa

from benchmarks.compare.usage import cpu_seconds, memory_megabytes, tree
from scheduler_defs.settings import POSTGRES_URL, sqlalchemy_url
from scheduler_defs.stack.machine import record
from scheduler_defs.stack.machine.record import StackRecord

SUPERVISOR = "supervisor"
COMMITTED = "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.at_rest", description=__doc__)
    parser.add_argument("state", type=Path, help="the stack's state folder")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how long CPU and transactions are counted"
    )
    options = parser.parse_args()
    found = record.read(options.state.resolve())
    if found is None:
        parser.error(f"no stack runs on {options.state}")
    began, load = time.monotonic(), os.getloadavg()[0]
    before, asked = used_by_component(found), transactions(found)
    time.sleep(options.seconds)
    after, seconds = by_component(found), time.monotonic() - began
    rate = (transactions(found) - asked) / seconds
    total_memory, total_cpu = 0.0, 0.0
    for name, processes in sorted(after.items()):
        used = sum(cpu_seconds(processes).values()) - before.get(name, 0.0)
        share, memory = 100 * max(used, 0.0) / seconds, memory_megabytes(processes)
        total_memory, total_cpu = total_memory + memory, total_cpu + share
        print(f"{name:20}{memory:8.1f} MB{share:8.2f} % of a core{len(processes):5} processes")
    print(f"{'all':20}{total_memory:8.1f} MB{total_cpu:8.2f} % of a core")
    print(f"{rate:.1f} transactions/s; load at the begin {load:.1f}")


def used_by_component(found: StackRecord) -> dict[str, float]:
    """CPU seconds of each component so far."""
    return {name: sum(cpu_seconds(processes).values()) for name, processes in by_component(found).items()}


def by_component(found: StackRecord) -> dict[str, list[psutil.Process]]:
    """The living processes of each component; the supervisor's own are those that belong to none."""
    parts = {item.name: tree([item.pid]) for item in found.components if item.pid}
    known = {process.pid for processes in parts.values() for process in processes}
    rest = [process for process in tree([found.pid]) if process.pid not in known]
    return {**parts, SUPERVISOR: rest}


def transactions(found: StackRecord) -> int:
    """How many transactions the database has seen so far."""
    engine = sa.create_engine(sqlalchemy_url(found.exports[POSTGRES_URL]), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return int(connection.execute(sa.text(COMMITTED)).scalar_one())


if __name__ == "__main__":
    main()

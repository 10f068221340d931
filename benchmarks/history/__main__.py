"""`python -m benchmarks.history`: what a long history costs. A million runs by default.

    python -m benchmarks.history [--runs 1000000] [--schedules 200] [--events 5]

A stack of its own whose Postgres is filled by SQL with copies of real runs: their tags, so many of their
events, a tenth with a materialization, and the ledger's line of each. Measured are `runs list`, what
Dagster's page of runs asks for, and `schedules list`; what a run takes in the database; and the pass of
retention that drops nine tenths of it while somebody else writes. Server, database and client share the
machine, whose load is printed; the CPU of webserver and command is what a busy one makes little worse.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.history import filling, measures
from benchmarks.stack_bars import MeasuredStack


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--events", type=int, default=5, help="events of each run")
    parser.add_argument("--folder", type=Path, help="where a lot of room is; else a temporary folder")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="history-", dir=chosen.folder))
    stack = MeasuredStack(folder / "state", folder / "config")
    filling.write_yard(stack.config, chosen.schedules)
    try:
        stack.run("up", "--detach", "--workers", "2")
        templates = filling.run_templates(stack)
        stack.run("down")
        filling.fill(stack.state, templates, chosen.runs, chosen.schedules, chosen.events)
        stack.run("up", "--detach", "--workers", "2")
        print(
            f"{chosen.runs:,} runs of {chosen.schedules:,} schedules with {chosen.events} events each;"
            f" load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        measures.answers(stack)
        measures.size(stack)
        measures.pruning(stack)
        measures.answers(stack)
        measures.size(stack, full=True)
        print(f"load at the end {os.getloadavg()[0]:.1f}")
    finally:
        stack.run("down")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

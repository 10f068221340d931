"""`python -m benchmarks.scale`: what each loop costs against how much there is.

Schedules declared, runs queued, runs of history, tasks, workers: a tenth, a third and the whole of each, in
a process and an embedded Postgres of its own. The memory is that process', without Postgres. What grows with
its size pays for what exists; it should pay for what is due.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from benchmarks.growth import plot
from benchmarks.growth.apart import PARTS, measure
from benchmarks.growth.figures import Figure, series, table

SIZES = {"schedules": 10_000, "queued": 100_000, "runs": 1_000_000, "tasks": 1_000_000, "workers": 200}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    for name, size in SIZES.items():
        parser.add_argument(
            f"--{name}", type=int, default=size, metavar="N", help=f"default: {size:,}; 0: none"
        )
    parser.add_argument("--save", type=Path, metavar="FILE", help="all numbers, as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a drawing, as SVG")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    found: list[Figure] = []
    for name, part in PARTS:
        whole = getattr(options, name)
        for size in series(whole) if whole > 0 else ():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
                measured = apart.submit(measure, part, size).result()
            found += measured
            for each in measured:
                print(f"  {each.part}: {each.name}, {size:,}: {each.seconds:.4f} s", flush=True)
    print(table(found))
    print(f"load at the begin {load:.1f}, at the end {os.getloadavg()[0]:.1f}")
    if options.save:
        document = {"load_at_begin": load, "figures": [asdict(each) for each in found]}
        options.save.write_text(json.dumps(document, indent=2) + "\n")
    if options.plot:
        options.plot.write_text(plot.svg(found))


if __name__ == "__main__":
    main()

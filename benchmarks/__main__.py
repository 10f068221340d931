"""`make bench`: this stack against stock Dagster, one after the other on this machine, with the same work."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import os
import platform
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.compare import measures
from benchmarks.compare.measures import Numbers, Sizes
from benchmarks.compare.stacks import OwnStack, Stack, StockStack

STACKS: dict[str, type[Stack]] = {"signalbox": OwnStack, "stock": StockStack}
HIGHER_IS_BETTER = {"runs_per_second_submitted", "runs_per_second_queued"}
MEASURES = {measure.__name__: measure for measure in measures.ALL}


def main() -> None:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # both stacks end with us, however we end
    sizes = Sizes().scaled(options.scale)
    rounds: dict[str, list[Numbers]] = {name: [] for name in options.stacks}
    for name in options.stacks:
        for numbers in measure(name, options.rounds, options.measures, sizes, options.slots, options.keep):
            rounds[name].append(numbers)
            write(options.out, rounds, sizes, options.slots)  # what is measured is kept if the next breaks
    print(table({name: medians(found) for name, found in rounds.items()}))
    print(f"median of {options.rounds} rounds; all numbers in {options.out}")


def write(out: Path, rounds: dict[str, list[Numbers]], sizes: Sizes, slots: int) -> None:
    """All that has been measured so far, and where."""
    document = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "versions": {name: version(name) for name in ("dagster", "dagster-celery", "celery", "signalbox")},
        "slots": slots,
        "sizes": dataclasses.asdict(sizes),
        "rounds": rounds,
        "median": {name: medians(found) for name, found in rounds.items()},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2, help="processes that do the work, in either stack")
    parser.add_argument("--stacks", nargs="+", choices=STACKS, default=list(STACKS))
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes; 0.05 for a quick try")
    parser.add_argument("--keep", action="store_true", help="leave the stacks' folders with their logs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/compare.json"))
    return parser.parse_args()


def measure(
    name: str, rounds: int, chosen: list[str], sizes: Sizes, slots: int, keep: bool
) -> Iterator[Numbers]:
    """Start a stack, measure it so many times, end it."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    stack = STACKS[name](folder, slots)
    os.environ["BENCH_FOLDER"] = str(folder)
    succeeded = False
    try:
        say(f"{name}: starting in {folder}")
        stack.start()
        measures.warm_up(stack)
        for n in range(rounds):
            numbers: Numbers = {}
            for what in chosen:
                numbers |= MEASURES[what](stack, sizes)
                say(f"{name}: round {n + 1}: {what}: {numbers}")
            yield numbers
        succeeded = True
    finally:
        stack.stop()
        if succeeded and not keep:
            shutil.rmtree(folder, ignore_errors=True)


def medians(rounds: list[Numbers]) -> Numbers:
    keys = dict.fromkeys(key for numbers in rounds for key in numbers)
    return {key: statistics.median(numbers.get(key, 0.0) for numbers in rounds) for key in keys}


def table(median: dict[str, Numbers]) -> str:
    """One line per number; with both stacks, how many times better ours is."""
    names = list(median)
    keys = list(dict.fromkeys(key for numbers in median.values() for key in numbers))
    lines = [
        f"{'':42}" + "".join(f"{name:>12}" for name in names) + ("      better" if len(names) == 2 else "")
    ]
    for key in keys:
        values = [median[name].get(key, 0.0) for name in names]
        line = f"{key:42}" + "".join(f"{value:12.3f}" for value in values)
        if len(values) == 2 and all(values):
            ours, stock = values
            better = ours / stock if key in HIGHER_IS_BETTER else stock / ours
            line += f"{better:11.1f}x"
        lines.append(line)
    return "\n".join(lines)


def say(text: str) -> None:
    sys.stderr.write(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()

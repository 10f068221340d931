"""`python -m benchmarks.bars`: what users feel on every command, against what they were promised.

Each number is the median of several whole processes or calls, on this machine as it is; the load is printed,
because a busy machine makes every number worse.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import baseline, footprint
from benchmarks.stack_bars import measure_stack
from scheduler_defs.settings import PROJECT_ROOT

SIGNALBOX = (sys.executable, "-m", "scheduler_defs.cli.main")


@dataclass(frozen=True)
class Bar:
    """Something that is to take at most so many seconds, in the median of `times`."""

    name: str
    limit_seconds: float
    measure: Callable[[Path], float]
    times: int = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars", description=__doc__)
    parser.add_argument("--only", choices=("commands", "stack", "footprint", "imports"), help="default: all")
    parser.add_argument("--times", type=int, default=3, help="of the footprint")
    parser.add_argument("--steady", action="store_true", help="a footprint without CPU, for machines in use")
    parser.add_argument("--save", type=Path, default=Path("benchmarks/results/bars.json"), metavar="FILE")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="fail if the footprint is worse than it")
    options = parser.parse_args()
    before = baseline.read(options.compare) if options.compare else None
    if before and options.steady:
        before = baseline.steady(before)
    if before and options.only == "imports":
        before = baseline.imports_alone(before)
    load = os.getloadavg()[0]
    results: dict[str, dict[str, float]] = {}
    with working_folder() as folder:
        if options.only in (None, "commands"):
            for bar in COMMANDS:
                seconds = [bar.measure(folder) for _ in range(bar.times)]
                report(results, bar.name, bar.limit_seconds, seconds)
        if options.only in (None, "stack"):
            for name, limit, seconds in measure_stack(folder):
                report(results, name, limit, seconds)
    ratios: list[footprint.Figure] = []
    if options.only in (None, "footprint", "imports"):
        figures = [*footprint.imports()]
        if options.only != "imports":
            figures += footprint.stack(options.times, steady=options.steady)
        for name, values in figures:
            ratios.append((name, values))
            print(f"{name:58}{statistics.median(values):9.1f}     of {len(values)}", flush=True)
    found = baseline.document(ratios, results)
    baseline.write(options.save, found)
    print(f"load at the begin {load:.1f}; all numbers in {options.save}")
    worse = baseline.regressions(before, found) if before else []
    for change in worse:
        print(f"WORSE by more than {baseline.TOLERANCE_PERCENT:g} %: {change}", file=sys.stderr)
    if worse:
        raise SystemExit(1)


def report(results: dict[str, dict[str, float]], name: str, limit: float, seconds: list[float]) -> None:
    """Print one line, and keep the numbers."""
    median = statistics.median(seconds)
    results[name] = {"limit": limit, "median": median, "worst": max(seconds), "times": len(seconds)}
    verdict = "" if median <= limit else "   OVER"
    print(f"{name:58}{median:9.3f} s   at most {limit:g} s   of {len(seconds)}{verdict}", flush=True)


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder with declarations of several sizes, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bars-"))
    try:
        for schedules in (1_000, 10_000):
            config = folder / f"config-{schedules}"
            config.mkdir()
            (config / "yard.yaml").write_text(yard(schedules, jobs=200))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def yard(schedules: int, jobs: int) -> str:
    """YAML of so many schedules and jobs, half of the schedules in flow style."""
    lines = ["defaults: {timezone: America/Chicago, retries: {max_attempts: 3, base: 60s, cap: 1h}}", "jobs:"]
    command = 'command: [echo, "{params.who}"], params: {who: {default: x}}'
    lines += [f"  j-{number}: {{{command}}}" for number in range(jobs)]
    lines.append("schedules:")
    for number in range(schedules):
        job = f"j-{number % jobs}"
        if number % 2:
            every = f"{number % 50 + 1}m"
            lines.append(f"  s-{number}: {{job: {job}, every: {every}, tags: {{team: t{number % 7}}}}}")
        else:
            lines.append(f"  s-{number}:\n    job: {job}\n    cron: '{number % 60} {number % 24} * * *'")
            lines.append(
                f"    description: Number {number}\n    timeout: 10m\n    config: {{who: n{number}}}"
            )
    return "\n".join(lines) + "\n"


def process(argv: list[str], folder: Path, config: Path | None = None) -> float:
    """Wall time of a whole process, with Python's compiled files kept as a user has them."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIGNALBOX_", "DAGSTER_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    environment |= {"PYTHONPATH": str(PROJECT_ROOT), "SIGNALBOX_STATE": str(folder / "state")}
    if config:
        environment["SIGNALBOX_CONFIG"] = str(config)
    began = time.perf_counter()
    subprocess.run(argv, env=environment, cwd=PROJECT_ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def definitions(schedules: int | None) -> Callable[[Path], float]:
    """Import the code location, and build what Dagster asks of it first."""
    code = "from scheduler_defs.definitions import defs; defs.get_repository_def()"

    def measure(folder: Path) -> float:
        config = folder / f"config-{schedules}" if schedules else None
        return process([sys.executable, "-c", code], folder, config)

    return measure


def command(*words: str) -> Callable[[Path], float]:
    """A whole `signalbox` command."""
    return lambda folder: process([*SIGNALBOX, *words], folder)


COMMANDS = (
    Bar("signalbox --help", 0.4, command("--help")),
    Bar(
        "import scheduler_defs.definitions",
        1.5,
        lambda folder: process([sys.executable, "-c", "import scheduler_defs.definitions"], folder),
    ),
    Bar("signalbox check", 2, command("check")),
    Bar("signalbox schedules next nightly-census", 2, command("schedules", "next", "nightly-census")),
    Bar("definitions of the example yard, from nothing", 2, definitions(None)),
    Bar("definitions of 1,000 schedules and 200 jobs, from nothing", 2, definitions(1_000)),
    Bar("definitions of 10,000 schedules and 200 jobs, from nothing", 15, definitions(10_000), times=3),
)


if __name__ == "__main__":
    main()

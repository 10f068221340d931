"""What the program costs whatever the hour: imports, statements per run, CPU per run, memory at rest.

Unlike wall clock these say nearly the same on a busy machine, so that a change of theirs is the program's.
CPU is given in units of this machine (`unit_seconds`), as the host is not equally fast at all hours; it still
varies by a tenth and more, so that an unattended check leaves it out (`steady`).
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.compare import measures
from benchmarks.compare.measures import Sizes
from benchmarks.compare.stacks import OwnStack
from benchmarks.compare.usage import memory_megabytes, role, tree
from scheduler_defs.settings import PROJECT_ROOT

Figure = tuple[str, list[float]]
"""Name of a measure, and what it was each time."""

SIZES = Sizes(at_once=20, queued=100, idle_launches=20, idle_seconds=20)
_PROGRAMS = {
    "modules imported by `signalbox --help`": (
        "from scheduler_defs.cli.main import build; build([])(['--help'], standalone_mode=False)"
    ),
    "modules imported by the definitions": "import scheduler_defs.definitions",
}


def imports() -> Iterator[Figure]:
    """How many modules a process has after the least that it can do."""
    for name, code in _PROGRAMS.items():
        script = f"{code}\nimport sys\nsys.stderr.write(f'modules {{len(sys.modules)}}')"
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**_without_ours(), "PYTHONPATH": str(PROJECT_ROOT)},
            cwd=PROJECT_ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        yield name, [float(done.stderr.rpartition("modules ")[2])]


def stack(times: int, *, steady: bool = False) -> Iterator[Figure]:
    """A stack of two slots: statements, CPU by part and run, and memory by part once it rests."""
    folder = Path(tempfile.mkdtemp(prefix="footprint-"))
    os.environ["BENCH_FOLDER"] = str(folder)
    own = OwnStack(folder, slots=2)
    found: dict[str, list[float]] = {}
    try:
        own.start()
        measures.warm_up(own)
        for _ in range(times):
            numbers = {**measures.statements(own, SIZES)}
            if not steady:
                unit = unit_seconds()
                used = measures.queued_beforehand(own, SIZES)
                numbers |= {n: v / 1000 / unit for n, v in used.items() if n.startswith("cpu_per_run")}
            for name, value in numbers.items():
                found.setdefault(_NAMES.get(name, ""), []).append(value)
            time.sleep(SIZES.idle_seconds)
            for part, megabytes in _memory(own).items():
                found.setdefault(f"memory at rest: {part} (MB)", []).append(megabytes)
    finally:
        own.stop()
        shutil.rmtree(folder, ignore_errors=True)
    found.pop("", None)
    yield from found.items()


_LARGE_MEGABYTES = 60
"""Smaller parts vary by more than the tolerance, and count in `all`."""

_PARTS = ("workers", "daemon", "postgres")
_NAMES = {
    "statements_per_run": "statements in Postgres per run",
    "cpu_per_run_milliseconds": "CPU per run: all (units)",
    **{f"cpu_per_run_{part}_milliseconds": f"CPU per run: {part} (units)" for part in _PARTS},
}


def unit_seconds() -> float:
    """CPU seconds of a fixed piece of Python on this machine just now: the unit of CPU per run."""

    def once() -> float:
        began = time.process_time()
        table = {n: str(n) for n in range(60_000)}
        sum(len(text) for text in sorted(table.values()))
        return time.process_time() - began

    return statistics.median(once() for _ in range(9))


def _memory(own: OwnStack) -> dict[str, float]:
    """Proportional memory by part of the stack, and of all."""
    parts: dict[str, float] = {}
    for process in tree(own.roots):
        part = role(process)
        parts[part] = parts.get(part, 0.0) + memory_megabytes([process])
    large = {part: megabytes for part, megabytes in parts.items() if megabytes >= _LARGE_MEGABYTES}
    return {**large, "all": sum(parts.values())}


def _without_ours() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "DAGSTER_"))}

"""The work: a step that writes down when it began. The same op in both stacks, and the same command."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dagster as dg

FOLDER = "BENCH_FOLDER"
PYTHON_JOB = "python_step"
COMMAND_JOB = "command_step"
DIAMOND_JOB = "diamond"
SECOND = "second"
"""Another location, and its module."""
SECOND_MODULE = "benchmarks.compare.second_location"


def starts(kind: str) -> Path:
    """The file with a line per start: `<seconds since the epoch> <run id, if known>`."""
    return Path(os.environ[FOLDER]) / f"starts-{kind}"


def shell_line() -> str:
    """The command of the command job, for `/bin/sh -c`."""
    return f"date +%s.%N >> '{starts('command')}'"


@dg.op
def write_start(context) -> None:
    """First line of user code: the time."""
    with starts("python").open("a") as file:
        file.write(f"{time.time():.6f} {context.run_id}\n")

"""A project of somebody's own."""

from __future__ import annotations

import os
import sys

import dagster as dg


@dg.op
def one() -> int:
    print(f"by {sys.executable}, with {sorted(name for name in os.environ if name.startswith('SIGNALBOX_'))}")
    return 1


@dg.op
def two(given: int) -> None:
    if given != 1:
        raise ValueError(given)


@dg.op
def breaks() -> None:
    raise ValueError("of its own")


@dg.job(executor_def=dg.in_process_executor)
def quick() -> None:
    two(one())


@dg.job
def by_default() -> None:
    two(one())


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    breaks()


defs = dg.Definitions(jobs=[quick, by_default, failing])

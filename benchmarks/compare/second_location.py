"""A small project of somebody's own, the second location of either stack, with Dagster's default executor."""

from __future__ import annotations

import dagster as dg

from benchmarks.compare.work import DIAMOND_JOB, PYTHON_JOB, write_start


@dg.job(name=PYTHON_JOB, executor_def=dg.in_process_executor)
def python_step() -> None:
    write_start()


@dg.op
def top() -> int:
    return 1


@dg.op
def side(number: int) -> int:
    return number + 1


@dg.op
def bottom(left: int, right: int) -> int:
    return left + right


@dg.job(name=DIAMOND_JOB)
def diamond() -> None:
    start = top()
    bottom(side.alias("left")(start), side.alias("right")(start))


defs = dg.Definitions(jobs=[python_step, diamond])

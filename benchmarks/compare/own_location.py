"""Our code location as it is, with one Python job more: the same op that stock runs."""

from __future__ import annotations

import dagster as dg

from benchmarks.compare.work import PYTHON_JOB, write_start
from scheduler_defs import definitions


@dg.job(name=PYTHON_JOB, executor_def=dg.in_process_executor)
def python_step() -> None:
    write_start()


defs = dg.Definitions.merge(definitions.defs, dg.Definitions(jobs=[python_step]))

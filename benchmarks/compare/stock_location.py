"""A code location as Dagster's documentation has it for Celery: `celery_executor`, schedules in Python."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import dagster as dg
from dagster_celery import celery_executor

from benchmarks.compare.work import COMMAND_JOB, FOLDER, PYTHON_JOB, shell_line, write_start

folder = Path(os.environ[FOLDER])
broker = os.environ["BENCH_BROKER"]
executor = celery_executor.configured({"broker": broker, "backend": broker})


@dg.job(name=PYTHON_JOB)
def python_step() -> None:
    write_start()


@dg.op
def run_command() -> None:
    subprocess.run(["/bin/sh", "-c", shell_line()], check=True)


@dg.job(name=COMMAND_JOB)
def command_step() -> None:
    run_command()


def schedules() -> list[dg.ScheduleDefinition]:
    """As many as the benchmark has asked for, due when it has asked for them."""
    file = folder / "schedules"
    if not file.exists():
        return []
    number, cron = file.read_text().split(maxsplit=1)
    return [
        dg.ScheduleDefinition(
            name=f"s{n}",
            job=command_step,
            cron_schedule=cron.strip(),
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for n in range(int(number))
    ]


defs = dg.Definitions(jobs=[python_step, command_step], schedules=schedules(), executor=executor)

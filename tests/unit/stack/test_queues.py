"""Which queues the declarations name, and who serves them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scheduler_defs.declarations import load
from scheduler_defs.settings import INSTALLATION
from scheduler_defs.stack.components.queues import Queues, declared_queues
from scheduler_defs.stack.health.problems import unserved

JOBS = """
jobs:
  plain: {command: ["true"]}
  heavy: {command: ["true"], queue: gpu}
  both:
    queue: long
    steps:
      first: {command: ["true"]}
      second: {command: ["true"], needs: [first], queue: big}
      third: {command: ["true"], needs: [first], queue: gpu}
"""


def test_given_jobs_and_steps_with_queues_then_runs_and_steps_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    result = load(tmp_path)
    assert result.problems == ()
    assert declared_queues(result.declarations) == Queues(("runs", "gpu", "long"), ("steps", "big"))


def test_given_no_job_with_steps_then_nobody_serves_steps(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("jobs: {plain: {command: ['true']}}")
    assert declared_queues(load(tmp_path).declarations) == Queues(("runs",), ())


def test_given_a_step_without_a_queue_then_it_is_the_default_one(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("jobs: {one: {steps: {only: {command: ['true']}}}}")
    assert declared_queues(load(tmp_path).declarations) == Queues(("runs",), ("steps",))


def test_given_a_queue_without_a_worker_then_that_is_a_problem() -> None:
    queues = Queues(("runs", "gpu"), ("steps",))
    assert unserved(queues, ["runs", "gpu", "steps", "other"]) == []
    assert unserved(queues, ["runs"]) == [
        "queue gpu: no worker serves it; its runs wait",
        "queue steps: no worker serves it; its runs wait",
    ]


def test_given_the_supervisor_then_it_has_imported_nothing_that_reads_declarations_or_executes_them() -> None:
    code = "import sys, scheduler_defs.stack.supervising.__main__\n"
    code += "print(*{'dagster', 'pydantic', 'sqlalchemy', 'celery', 'typer'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=INSTALLATION, capture_output=True, text=True
    )
    assert done.stdout.strip() == "", "each is memory that is never given back"
    assert done.returncode == 0, done.stderr

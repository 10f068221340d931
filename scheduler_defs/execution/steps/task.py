"""What a Celery worker process does with a step's message."""

from __future__ import annotations

from typing import Any

from celery import Task

from scheduler_defs.execution.worker.celery_app import CHECKED, STEP_TASK, app


@app.task(bind=True, name=STEP_TASK, Strategy=CHECKED)
def step(task: Task[Any, Any], body: str, attempt: int) -> None:
    """Execute one attempt of a step. Whatever becomes of it is in the run's event log."""
    from scheduler_defs.execution.steps.run import execute_step
    from scheduler_defs.execution.worker.processes import queue_of

    execute_step(body, attempt, queue_of(task))

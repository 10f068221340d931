"""Jobs that were written for Dagster's own executors, on our workers (private Dagster API, contract-tested).

Dagster's default executor starts a process per step, which takes seconds and may outlive a killed worker;
that of dagster-celery looks for a broker and a result backend of its own. A run of such a job has its steps
executed by our workers for steps: in parallel, warm, with leases, limits and retries. What the executors can
be configured with stays in force, as far as it means anything here.
"""

from __future__ import annotations

from dagster._core.execution import context_creation_job
from dagster._core.execution.context_creation_job import ContextCreationData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.multiprocess import MultiprocessExecutor

from scheduler_defs import database, tags
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.queue.capacity import STEP_QUEUE
from scheduler_defs.execution.steps.executor import CeleryStepsExecutor
from scheduler_defs.execution.steps.progress import queue_slots

_CELERY = "dagster_celery.executor"
_create = context_creation_job.create_executor


def install() -> None:
    """Have this process, a worker, execute steps on our workers."""
    context_creation_job.create_executor = create_executor


def create_executor(context_creation_data: ContextCreationData) -> Executor:
    """As Dagster's; in the place of an executor that starts processes or asks another broker, ours."""
    made, plan = _create(context_creation_data), context_creation_data.execution_plan
    sent = False
    if isinstance(made, MultiprocessExecutor):
        most, tag_limits = made._max_concurrent, made._tag_concurrency_limits
    elif type(made).__module__ == _CELERY:
        most, tag_limits = None, None
        sent = names_a_queue(plan)
    else:
        return made
    if not sent and len(plan.step_keys_to_execute) < 2:
        return in_process(made.retries)
    if not sent and not _steps_are_served():
        context_creation_data.instance.report_engine_event(
            f"No live worker serves the queue {STEP_QUEUE!r}: the steps are executed one after the other.",
            context_creation_data.dagster_run,
        )
        return in_process(made.retries)
    return CeleryStepsExecutor(
        retries=made.retries, max_concurrent=most, tag_concurrency_limits=tag_limits or None
    )


def names_a_queue(plan: ExecutionPlan) -> bool:
    """Whether a step is meant for workers of a queue of its own: elsewhere it may not be executed."""
    return any(
        tags.CELERY_QUEUE in (plan.get_step_by_key(key).tags or {}) for key in plan.step_keys_to_execute
    )


def in_process(retries: RetryMode) -> InProcessExecutor:
    """The steps in this process, one after the other."""
    return InProcessExecutor(retries=retries)


def _steps_are_served() -> bool:
    with database.engine().connect() as connection:
        return queue_slots(connection, STEP_QUEUE, terms().silence).workers > 0

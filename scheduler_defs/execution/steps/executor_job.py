"""`celery_steps_executor`: the steps of a job on step workers, in parallel, each in a warm process.

Dagster's StepDelegatingExecutor decides what may run, retries and cancels; our handler sends and judges.
Runs and steps have queues and workers of their own, so that runs which wait never take their steps' slots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.executor_definition import (
    check_cross_process_constraints,
    multiple_process_executor_requirements,
)
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.tags import get_tag_concurrency_limits_config
from dagster._core.executor.init import InitExecutorContext
from dagster_celery.executor import CELERY_CONFIG

if TYPE_CHECKING:
    from scheduler_defs.execution.steps.executor import CeleryStepsExecutor


@dg.executor(
    name="celery_steps",
    # dagster-celery's own, so that run config written for it stays valid. Broker, backend and Celery's
    # settings are those of the stack: what is said of them here changes nothing.
    config_schema={
        **CELERY_CONFIG,
        "max_concurrent": dg.Field(
            dg.Noneable(dg.Int),
            default_value=None,
            description="Most steps of one run that are out at the same time; none: all that can be.",
        ),
        "tag_concurrency_limits": get_tag_concurrency_limits_config(),
    },
    requirements=multiple_process_executor_requirements(),
)
def celery_steps_executor(init_context: InitExecutorContext) -> CeleryStepsExecutor:
    """Each step is a Celery message to the queue of its op's tag `dagster-celery/queue`, else to `steps`."""
    # Celery costs a tenth of a second to import; whoever only loads definitions needs none of it.
    from scheduler_defs.execution.steps.executor import CeleryStepsExecutor

    check_cross_process_constraints(init_context)
    config = init_context.executor_config
    retries = RetryMode.from_config(config["retries"])  # pyright: ignore[reportArgumentType]
    return CeleryStepsExecutor(
        retries=retries,
        max_concurrent=config.get("max_concurrent"),
        tag_concurrency_limits=config.get("tag_concurrency_limits"),
    )

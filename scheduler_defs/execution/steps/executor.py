"""The executor behind `celery_steps_executor`: Dagster's StepDelegatingExecutor, which is told of ends."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from typing import Any

import dagster as dg
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.executor.step_delegating import StepDelegatingExecutor, StepHandlerContext
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from scheduler_defs.errors import NotReachableError
from scheduler_defs.execution.steps.handler import CeleryStepHandler
from scheduler_defs.execution.wakeup import STEP_CHANNEL, WakingConnection

LONGEST_PAUSE_SECONDS = 0.5
"""Between two looks at the event log of a run whose steps are out. The end of a step is noticed at once."""

HEALTH_INTERVAL_SECONDS = 5
"""Between two judgements of the steps that are out."""

logger = logging.getLogger(__name__)


class CeleryStepsExecutor(StepDelegatingExecutor):
    """Waits to be told that a step has ended, where Dagster's executor sleeps for a second (private API)."""

    def __init__(self, **options: Any) -> None:
        self._waking = WakingConnection(STEP_CHANNEL)
        self._run_id = ""
        self._active: ActiveExecution | None = None
        super().__init__(
            CeleryStepHandler(), check_step_health_interval_seconds=HEALTH_INTERVAL_SECONDS, **options
        )

    @override
    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Generator[dg.DagsterEvent, Any, None]:
        self._run_id = plan_context.run_id
        self._listen()
        try:
            yield from super().execute(plan_context, execution_plan)
        finally:
            self._waking.close()

    @override
    def _get_step_handler_context(
        self,
        plan_context: PlanOrchestrationContext,
        steps: Sequence[ExecutionStep],
        active_execution: ActiveExecution,
    ) -> StepHandlerContext:
        self._active = active_execution
        return super()._get_step_handler_context(plan_context, steps, active_execution)

    @property
    def _sleep_seconds(self) -> float:
        """How long Dagster's loop is to sleep at the end of each pass: not at all, after this wait."""
        if self._active is None or not self._active.is_complete:
            self._listen()
            self._waking.wait(LONGEST_PAUSE_SECONDS, payload=self._run_id)
        return 0.0

    @_sleep_seconds.setter
    def _sleep_seconds(self, value: float) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Dagster's constructor sets it, from an environment variable."""

    def _listen(self) -> None:
        try:
            self._waking.get()
        except (SQLAlchemyError, NotReachableError) as error:
            logger.warning("run %s: not listening (%s); looking every %s s", self._run_id, error, 0.5)

"""What the steps executor uses of Dagster that Dagster does not promise; fails when an upgrade changes it."""

from __future__ import annotations

import inspect

import dagster as dg
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import StepDelegatingExecutor, StepHandler
from dagster._grpc.types import ExecuteStepArgs

from scheduler_defs.execution.steps.executor import CeleryStepsExecutor
from scheduler_defs.execution.steps.executor_job import celery_steps_executor


def test_given_dagsters_loop_when_it_ends_a_pass_then_it_sleeps_for_the_attribute_that_we_replace() -> None:
    body = inspect.getsource(StepDelegatingExecutor.execute)
    assert body.count("time.sleep(") == 1
    assert "time.sleep(self._sleep_seconds)" in body
    assert "while not active_execution.is_complete" in body
    assert isinstance(ActiveExecution.is_complete, property)


def test_given_our_executor_when_made_then_it_is_dagsters_with_our_pause() -> None:
    executor = CeleryStepsExecutor(retries=RetryMode.ENABLED)
    assert isinstance(executor, StepDelegatingExecutor)
    assert isinstance(celery_steps_executor, dg.ExecutorDefinition)
    parameters = inspect.signature(StepDelegatingExecutor._get_step_handler_context).parameters
    assert list(parameters) == ["self", "plan_context", "steps", "active_execution"]


def test_given_dagsters_step_handler_when_implemented_then_these_are_its_methods() -> None:
    assert StepHandler.__abstractmethods__ == {
        "name",
        "launch_step",
        "check_step_health",
        "terminate_step",
    }


def test_given_dagsters_step_arguments_when_sent_then_they_have_what_a_worker_needs() -> None:
    assert {"run_id", "step_keys_to_execute", "instance_ref", "retry_mode", "known_state"} <= set(
        inspect.signature(ExecuteStepArgs.__new__).parameters
    )

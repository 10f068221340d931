"""What the step executors use of Dagster and dagster-celery that they do not promise."""

from __future__ import annotations

import inspect

import dagster as dg
import pytest
from dagster._core.execution import context_creation_job
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster_celery import celery_executor
from dagster_celery import tags as theirs
from dagster_celery.executor import CELERY_CONFIG, CeleryExecutor

from scheduler_defs import tags
from scheduler_defs.execution.steps import other_executors as executors
from scheduler_defs.execution.steps.executor_job import celery_steps_executor
from scheduler_defs.execution.steps.handler import message_priority

REDIS = "redis://127.0.0.1/0"


def test_executors_are_made_by_the_function_that_we_replace() -> None:
    source = inspect.getsource(context_creation_job.orchestration_context_event_generator)
    assert "create_executor(context_creation_data)" in source
    assert "execution_plan" in context_creation_job.ContextCreationData._fields


def test_dagsters_executor_keeps_what_it_was_configured_with_where_we_read_it() -> None:
    made = MultiprocessExecutor(RetryMode.DISABLED, 3, [{"key": "a", "limit": 1}])
    assert (made._max_concurrent, made._tag_concurrency_limits) == (3, [{"key": "a", "limit": 1}])
    assert type(CeleryExecutor(retries=RetryMode.DISABLED)).__module__ == executors._CELERY


def test_our_executor_takes_what_dagster_celerys_takes() -> None:
    @dg.op
    def nothing() -> None: ...

    config = {
        "execution": {"config": {"broker": "redis://elsewhere", "include": ["a"], "config_source": {"x": 1}}}
    }
    for executor in (celery_steps_executor, celery_executor):

        @dg.job(executor_def=executor)
        def either() -> None:
            nothing()

        assert dg.validate_run_config(either, config)
    assert "retries" in CELERY_CONFIG


def test_the_tags_are_those_of_dagster_celery() -> None:
    assert theirs.DAGSTER_CELERY_QUEUE_TAG == tags.CELERY_QUEUE


@pytest.mark.parametrize(
    ("step", "run", "message"),
    [({}, {}, 4), ({"dagster-celery/priority": "9"}, {}, 0), ({}, {"dagster-celery/run_priority": "-5"}, 9)],
)
def test_larger_priorities_are_served_sooner(step: dict[str, str], run: dict[str, str], message: int) -> None:
    assert message_priority(step, run, REDIS) == message
    assert message_priority(step, run, "amqp://127.0.0.1") is None

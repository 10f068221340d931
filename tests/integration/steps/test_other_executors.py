"""Jobs that were written for other executors, unchanged, on real workers of ours."""

from __future__ import annotations

import pytest

from tests.integration.steps import jobs
from tests.integration.steps.stack import Stack, until


@pytest.mark.case("dagster-X-celery-jobs")
@pytest.mark.case("dagster-X-default-executor")
@pytest.mark.parametrize("job", ["for_dagster_celery", "by_default", "multiprocess"])
def test_given_a_job_for_another_executor_then_its_steps_run_on_step_workers(stack: Stack, job: str) -> None:
    run_id = stack.launch(getattr(jobs, job))
    assert stack.wait(run_id) == "SUCCESS"
    assert [line.split()[0] for line in stack.notes()] == ["top", "side", "side", "bottom"]
    step_processes = {child.pid for child in stack.children("steps")}
    assert {int(line.split()[-1]) for line in stack.notes()} <= step_processes


def test_given_a_job_for_dagster_celery_with_one_step_then_that_waits_for_workers_of_its_queue(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.one_step_on_its_queue)
    until(lambda: "no live worker serves the Celery queue 'apart'" in stack.messages(run_id))
    stack.start_worker("apart", "apart", 1)
    assert stack.wait(run_id) == "SUCCESS"
    (line,) = stack.noted("set apart")
    assert int(line.split()[-1]) in {child.pid for child in stack.children("apart")}

"""Jobs that were written for other executors, unchanged, on real workers of ours."""

from __future__ import annotations

import pytest

from tests.integration.steps import jobs
from tests.integration.steps.stack import Stack


@pytest.mark.case("dagster-X-celery-jobs")
@pytest.mark.case("dagster-X-default-executor")
@pytest.mark.parametrize("job", ["for_dagster_celery", "by_default", "multiprocess"])
def test_given_a_job_for_another_executor_then_its_steps_run_on_step_workers(stack: Stack, job: str) -> None:
    run_id = stack.launch(getattr(jobs, job))
    assert stack.wait(run_id) == "SUCCESS"
    assert [line.split()[0] for line in stack.notes()] == ["top", "side", "side", "bottom"]
    step_processes = {child.pid for child in stack.children("steps")}
    assert {int(line.split()[-1]) for line in stack.notes()} <= step_processes

"""The same workers with RabbitMQ as the broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.execution.worked_yard import Yard, yard


@pytest.fixture
def rabbit_yard(dagster_url: str, rabbitmq_url: str, tmp_path: Path) -> Iterator[Yard]:
    terms = {"SIGNALBOX_BEAT_SECONDS": "1", "SIGNALBOX_LEASE_SECONDS": "6"}
    with yard(dagster_url, rabbitmq_url, tmp_path, terms) as found:
        yield found


def test_given_rabbitmq_then_runs_are_executed_and_cancelled(rabbit_yard: Yard, tmp_path: Path) -> None:
    rabbit_yard.start_worker(slots=1)
    assert rabbit_yard.wait(rabbit_yard.launch("work_job")) == "SUCCESS"
    marks = tmp_path / "marks"
    run_id = rabbit_yard.launch("nap_job", {"seconds": 60.0, "marks": str(marks)})
    rabbit_yard.wait_for(marks.exists, "the run to begin")
    rabbit_yard.instance.run_launcher.terminate(run_id)
    assert rabbit_yard.wait(run_id, "CANCELED", seconds=2) == "CANCELED"
    assert rabbit_yard.wait(rabbit_yard.launch("work_job")) == "SUCCESS"


def test_given_a_busy_worker_and_an_idle_one_then_no_run_waits_at_the_busy_one(
    rabbit_yard: Yard, tmp_path: Path
) -> None:
    rabbit_yard.start_worker(slots=1)
    rabbit_yard.start_worker(slots=1)
    marks = tmp_path / "marks"
    rabbit_yard.launch("nap_job", {"seconds": 60.0, "marks": str(marks)})
    rabbit_yard.wait_for(marks.exists, "the long run to begin")
    for _ in range(4):
        assert rabbit_yard.wait(rabbit_yard.launch("work_job"), seconds=10) == "SUCCESS"

"""What dagster.yaml relies on in Dagster's daemons (private there)."""

from __future__ import annotations

import inspect
from typing import Any

import yaml
from dagster._core.scheduler import DagsterDaemonScheduler
from dagster._daemon.monitoring import run_monitoring

from scheduler_defs.execution.queue.iteration import UNTAKEN
from scheduler_defs.settings import PROJECT_ROOT

SETTINGS: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())


def test_given_a_run_that_starts_then_monitoring_has_a_time_limit_for_it_and_no_error() -> None:
    """Without one it reports `Unexpected run status` for each run that it finds starting."""
    source = inspect.getsource(run_monitoring.execute_run_monitoring_iteration)
    assert "run_monitoring_start_timeout_seconds > 0" in source
    assert "Unexpected run status" in source
    limit = SETTINGS["run_monitoring"]["start_timeout_seconds"]
    # A run that nobody takes goes back to the queue long before.
    assert limit > 10 * UNTAKEN.total_seconds()


def test_given_a_tick_that_failed_then_it_is_looked_at_again() -> None:
    scheduler = SETTINGS["scheduler"]
    assert scheduler["class"] == DagsterDaemonScheduler.__name__
    assert DagsterDaemonScheduler(**scheduler["config"]).max_tick_retries == 2

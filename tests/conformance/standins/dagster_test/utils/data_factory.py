"""Runs with defaults."""

from typing import Any

from dagster import DagsterRun, DagsterRunStatus
from dagster._core.utils import make_new_run_id


def dagster_run(**fields: Any) -> DagsterRun:
    """A run of which only what matters is said."""
    defaults = {
        "run_id": make_new_run_id(),
        "job_name": "some_job",
        "run_config": {},
        "status": DagsterRunStatus.NOT_STARTED,
        "tags": {},
    }
    return DagsterRun(**{**defaults, **fields})

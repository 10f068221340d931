"""Where Signalbox's own pages are, for links from Dagster's UI: of the same address, whatever that is."""

from __future__ import annotations

from urllib.parse import quote

PAGES = "/signalbox"
PAGE = "page in Signalbox"
"""Under which Dagster's UI shows such a link."""


def schedule_page(name: str) -> str:
    """Of a declared schedule."""
    return f"{PAGES}/schedules/{quote(name, safe='')}"


def job_page(name: str) -> str:
    """Of a job: the schedules that launch it."""
    return f"{PAGES}/schedules?q={quote(name, safe='')}"


def run_page(run_id: str) -> str:
    """Of a run."""
    return f"{PAGES}/runs/{quote(run_id, safe='')}"


def task_page(task_id: int) -> str:
    """Of a task of an agent queue."""
    return f"{PAGES}/tasks/{task_id}"

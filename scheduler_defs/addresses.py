"""Where Signalbox's own pages are, for links from Dagster's UI: of the same address, whatever that is.

A link in Dagster's UI is as it was written; so one begins with the path under which people find the UI.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from scheduler_defs import tags
from scheduler_defs.settings import settings

PAGES = "/signalbox"
PAGE = "page in Signalbox"
"""Under which Dagster's UI shows such a link."""
TASK_PAGE = "task in Signalbox"
_MOST_DIGITS = 19
"""Of a number in Postgres."""


def schedule_page(name: str) -> str:
    """Of a declared schedule."""
    return f"{_pages()}/schedules/{quote(name, safe='')}"


def job_page(name: str) -> str:
    """Of a job: the schedules that launch it."""
    return f"{_pages()}/schedules?q={quote(name, safe='')}"


def run_page(run_id: str) -> str:
    """Of a run."""
    return f"{_pages()}/runs/{quote(run_id, safe='')}"


def task_page(task_id: int) -> str:
    """Of a task of an agent queue."""
    return f"{_pages()}/tasks/{task_id}"


def queues_page() -> str:
    """Of the agents and their queues."""
    return f"{_pages()}/queues"


def of_run(run_id: str, run_tags: Mapping[str, str]) -> dict[str, str]:
    """Its own, and its task's."""
    task = run_tags.get(tags.TASK, "")
    # Anybody may have typed it: some characters are digits, and no number; of thousands none is made.
    is_number = task.isdecimal() and len(task) <= _MOST_DIGITS
    return {PAGE: run_page(run_id), **({TASK_PAGE: task_page(int(task))} if is_number else {})}


def _pages() -> str:
    return urlsplit(settings().public_url or "").path.rstrip("/") + PAGES

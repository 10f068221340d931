"""What every run of a declared job carries. Nothing here imports Dagster: the command uses it, too."""

from __future__ import annotations

import datetime as dt
import math

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Job, StepExecutor
from scheduler_defs.retries.backoff import first_attempt_tags


def job_tags(job: Job) -> dict[str, str]:
    """Its tags, whoever launches it. What a launch knows better wins.

    A job's queue is that of its runs, or of its steps where those have workers of their own: a run that only
    waits for its steps stays on the queue for runs, so that runs and steps never wait for each other's slots.
    """
    found = {**job.tags, tags.JOB: job.name, **first_attempt_tags(job.retries)}
    if job.priority:
        found[tags.PRIORITY] = str(job.priority)
    if job.timeout is not None:
        found[tags.MAX_RUNTIME] = whole_seconds(job.timeout)
    if job.queue is not None and not (job.steps and job.executor is StepExecutor.CELERY):
        found[tags.CELERY_QUEUE] = job.queue
    return found


def whole_seconds(timeout: dt.timedelta) -> str:
    """As Dagster spells a run's time-out, and not less than asked for."""
    return str(max(1, math.ceil(timeout.total_seconds())))

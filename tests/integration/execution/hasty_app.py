"""The Celery app of a worker whose processes end soon when they have no work."""

from __future__ import annotations

from scheduler_defs.execution.worker import slots
from scheduler_defs.execution.worker.celery_app import app as app

slots.KEPT_SECONDS = 0.2

"""What this installation is and can do, for programs that ask before they use it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version as installed

FEATURES = (
    "idempotency",
    "dry_run",
    "etag",
    "events",
    "task_leases",
    "triggers",
)
"""Names stay; more may come."""


@cache
def version() -> str:
    """The release."""
    return installed("signalbox")

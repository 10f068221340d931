"""What is replaced in a process that tests our classes, before Dagster's tests are imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._daemon import controller
from dagster._daemon.run_coordinator import queued_run_coordinator_daemon

from scheduler_defs.execution.dagster_patches import code_server, plain_logs, plans
from scheduler_defs.execution.dagster_patches.loops import schedules
from tests.conformance.ours import queue, webserver, workers

_QUEUED = "QueuedRunCoordinator"


def install() -> None:
    """As in our daemon and our code servers, which have all of that in one process or another.

    Not the pause between two purges of ticks: what is purged is tested, and not when.
    """
    for part in (schedules, code_server, plans, plain_logs):
        part.install()
    for module in (controller, queued_run_coordinator_daemon):
        module.__dict__["QueuedRunCoordinatorDaemon"] = queue.Daemon
    webserver.install()


def classes(overrides: Mapping[str, Any], suite: str) -> dict[str, Any]:
    """A test's dagster.yaml, in which Dagster's queueing coordinator is ours with the same limits.

    Where runs are really executed its launcher is ours as well.
    """
    if suite in ("launcher", "celery"):
        overrides = {"local_artifact_storage": workers.ARTIFACTS, **overrides}
    if suite == "launcher":
        overrides = {"run_launcher": workers.LAUNCHER, **overrides}
    asked = overrides.get("run_coordinator", {"class": _QUEUED})
    if asked.get("class") != _QUEUED:
        return dict(overrides)
    ours = {
        "module": queue.__name__,
        "class": queue.Coordinator.__name__,
        "config": {"given": dict(asked.get("config") or {})},
    }
    return {**overrides, "run_coordinator": ours}

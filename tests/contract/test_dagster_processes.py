"""What tells Dagster's daemon from its other processes: a module that only the daemon's commands are in."""

from __future__ import annotations

import subprocess
import sys

import pytest

OTHERS = "dagster_webserver.app, dagster._grpc.server, dagster._cli, dagster_postgres"
SAYS = """
import sys
from dagster._daemon import controller
from scheduler_defs.execution.process import is_daemon
from scheduler_defs.execution.queue.coordinator import SignalboxRunCoordinator
before = is_daemon(), "dagster._daemon.controller" in sys.modules
SignalboxRunCoordinator()
print(*before, controller.QueuedRunCoordinatorDaemon.__name__)
"""


@pytest.mark.parametrize(
    ("imported", "said"),
    [
        ("dagster._daemon.cli", "True True SignalboxQueueDaemon"),
        (OTHERS, "False True QueuedRunCoordinatorDaemon"),
    ],
)
def test_only_the_daemons_commands_make_a_process_the_daemon_with_our_loops(imported: str, said: str) -> None:
    """Its controller says nothing: whatever has a storage has that."""
    found = subprocess.run(
        [sys.executable, "-c", f"import {imported}\n{SAYS}"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == said

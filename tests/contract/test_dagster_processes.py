"""What tells Dagster's daemon from its other processes: a module that only the daemon's commands are in."""

from __future__ import annotations

import subprocess
import sys

import pytest

SAYS = "from scheduler_defs.execution.process import is_daemon; print(is_daemon())"


@pytest.mark.parametrize(
    ("imported", "daemon"),
    [
        ("dagster._daemon.cli", True),
        ("dagster_webserver.app, dagster_postgres", False),
        ("dagster._grpc.server, dagster_postgres, scheduler_defs.definitions", False),
        ("dagster._cli, dagster_postgres, scheduler_defs.execution.storage.postgres", False),
        ("scheduler_defs.execution.worker.celery_app", False),
    ],
)
def test_only_the_daemons_commands_make_a_process_the_daemon(imported: str, daemon: bool) -> None:
    said = subprocess.run(
        [sys.executable, "-c", f"import {imported}\n{SAYS}"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str(daemon)


def test_a_process_with_dagsters_storage_has_the_daemons_controller() -> None:
    """Why its controller says nothing. If this fails, the coordinator's imports may have become cheaper."""
    code = "import sys, dagster_postgres; print('dagster._daemon.controller' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "True"

"""The exports, and the environment of components."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scheduler_defs import running_stack
from scheduler_defs.settings import settings
from scheduler_defs.stack.machine import environment, lock, record
from scheduler_defs.stack.machine.record import StackRecord

EXPORTS = environment.exports(
    settings({"SIGNALBOX_STATE": "/srv/my yard/state", "SIGNALBOX_CONFIG": "/srv/my yard/config"}),
    postgres_url="postgresql+psycopg2://me:it's@db/x?host=/a&port=1",
    broker_url="redis+socket:///run/v.sock?virtual_host=0",
    ui_url="http://127.0.0.1:3000",
    code_server=Path("/srv/my yard/state/run/code/grpc"),
)


def test_given_awkward_values_when_a_shell_reads_the_exports_then_they_arrive_unchanged() -> None:
    script = environment.shell(EXPORTS) + "env -0"
    printed = subprocess.run(
        ["sh", "-c", script], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    found = dict(line.split("=", 1) for line in printed.stdout.decode().split("\0") if line)
    assert EXPORTS.items() <= found.items()


def test_given_the_exports_then_the_mark_by_which_processes_are_ended_is_not_among_them() -> None:
    assert environment.STACK_ID not in EXPORTS
    marked = environment.of_component(EXPORTS, "ab12", "daemon")
    assert marked[environment.STACK_ID] == "ab12"
    assert marked[environment.COMPONENT] == "daemon"
    assert EXPORTS.items() <= marked.items()


def test_given_settings_of_the_user_then_a_component_has_the_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_BROKER_URL", "redis://elsewhere")
    monkeypatch.setenv("FROM_OUTSIDE", "kept")
    found = environment.of_component(EXPORTS, "ab12", "daemon")
    assert found["SIGNALBOX_BROKER_URL"] == EXPORTS["SIGNALBOX_BROKER_URL"]
    assert found["FROM_OUTSIDE"] == "kept"


def test_given_a_record_without_a_supervisor_then_no_stack_is_running(tmp_path: Path) -> None:
    record.write(tmp_path, StackRecord("ab12", 7, "2026-01-01T00:00:00+00:00", True, "http://x", EXPORTS))
    assert running_stack.exports(tmp_path) == {}
    with lock.acquire(tmp_path):
        assert running_stack.exports(tmp_path) == EXPORTS

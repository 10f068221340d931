"""`up --small`: what is forked from one process comes back as all else does, also without that process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scheduler_defs.stack.forking.asking import is_possible
from scheduler_defs.stack.machine.record import State
from tests.integration.running_stack import Stack, new_yard, running, until

pytestmark = pytest.mark.skipif(not is_possible(), reason="Linux with pidfd alone can fork for somebody else")
FORKED = ("webserver", "daemon", "worker-runs", "code-server")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(new_yard(tmp_path_factory.mktemp("small yard")), "--workers", "1", "--small") as started:
        yield started


def megabytes(pid: int, which: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def test_given_a_small_stack_then_its_parts_share_their_memory_and_runs_work(small: Stack) -> None:
    for name in FORKED:
        assert psutil.Process(small.pid(name)).ppid() == small.record.pid
        assert megabytes(small.pid(name), "Shared_") > 60, name
    assert megabytes(small.pid("worker-runs"), "Private_") < 45, "the definitions, too, are its parent's"
    said = small.run("schedules", "run", "heartbeat", "--wait").stdout
    assert "SUCCESS" in said


@pytest.mark.parametrize("name", ["parent", "parent-workers", *FORKED])
def test_given_a_part_that_is_killed_then_it_comes_back_and_all_is_well(small: Stack, name: str) -> None:
    before = small.component(name)
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: state_of(small, name) is not State.HEALTHY, f"{name} shown as restarting")
    until(lambda: state_of(small, name) is State.HEALTHY, f"{name} healthy again")
    assert small.component(name)["pid"] != before["pid"]
    until(lambda: small.run("status", check=False).returncode == 0, f"all well after {name}")


def state_of(stack: Stack, name: str) -> State:
    return next(item.state for item in stack.record.components if item.name == name)

"""One supervisor per state folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine import lock

HOLDER = """
import sys, time
from pathlib import Path
from scheduler_defs.stack.machine import lock
held = lock.acquire(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other_holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_when_nobody_holds_the_folder_then_there_is_no_holder(tmp_path: Path) -> None:
    assert lock.holder(tmp_path) is None


def test_when_the_folder_is_free_then_it_is_taken_and_freed(tmp_path: Path) -> None:
    with lock.acquire(tmp_path):
        assert lock.holder(tmp_path) == os.getpid()
    assert lock.holder(tmp_path) is None
    lock.acquire(tmp_path).close()


def test_given_a_holder_when_another_wants_it_then_the_error_names_the_pid_and_the_file_is_untouched(
    tmp_path: Path, other_holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(SignalboxError, match=f"already running here, pid {other_holder.pid};"):
        lock.acquire(tmp_path)
    assert (tmp_path / lock.LOCK).read_text() == f"{other_holder.pid}\n"
    assert lock.holder(tmp_path) == other_holder.pid


def test_given_a_holder_that_is_killed_then_the_folder_is_free(
    tmp_path: Path, other_holder: subprocess.Popen[str]
) -> None:
    other_holder.send_signal(signal.SIGKILL)
    other_holder.wait()
    lock.acquire(tmp_path).close()

"""What the parent of the stack's processes imports is there, starts nothing, and says of no process who it is."""

from __future__ import annotations

import subprocess
import sys

from scheduler_defs.settings import INSTALLATION

PROGRAM = """
import os, sys, threading
from scheduler_defs.execution.process import is_daemon
from scheduler_defs.stack.forking import modules
before = set(os.listdir("/proc/self/fd"))
stamps = modules.load()
print(is_daemon(), threading.active_count(), len(os.listdir("/proc/self/task")))
print(sorted(set(os.listdir("/proc/self/fd")) - before), "scheduler_defs.definitions" in sys.modules)
print(modules.have_changed(stamps), len(stamps) > 1000)
"""


def test_when_all_is_imported_then_there_is_one_thread_nothing_open_no_daemon_and_no_declaration() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=INSTALLATION,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == ["False 1 1", "[] False", "False True"]
